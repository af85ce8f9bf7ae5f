"""Layers and nodes: what more of them cost in parameters and time, and what they gain.

python examples/lesson/layers_and_nodes.py
python examples/lesson/layers_and_nodes.py --layers 3 --nodes 8,32,128,512
"""

from __future__ import annotations

import time

from _lesson import chart, digits, error, fit, parser_of, whole_numbers


def main() -> None:
    parser = parser_of(__doc__, "layers_and_nodes.svg", 2000)
    parser.add_argument("--layers", type=whole_numbers, default=[2, 3, 5])
    parser.add_argument("--nodes", type=whole_numbers, default=[16, 64, 256])
    args = parser.parse_args()

    found, lines = digits(), {}
    print("layers  nodes  parameters  seconds  learned  held out")
    for layers in args.layers:
        line = lines[f"{layers} layers / lớp"] = []
        for nodes in args.nodes:
            began = time.process_time()
            model = fit(found.learned, code_size=8, n_nodes=(nodes,) * (layers - 1), steps=args.steps)
            seconds = time.process_time() - began
            count = sum(values.numel() for values in model.model.parameters())
            errors = [error(model.reconstruct(part), part) for part in (found.learned, found.held_out)]
            print(f"{layers:6}  {nodes:5}  {count:10}  {seconds:7.1f}  {errors[0]:.5f}  {errors[1]:.5f}")
            line.append((nodes, errors[1]))
    chart(lines, args.out, "nodes of each layer / số nút mỗi lớp", "held-out error / sai số trên ảnh để riêng")


if __name__ == "__main__":
    main()
