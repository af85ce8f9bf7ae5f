"""The size of the code: the error on learned and on held-out digits, from one value to as many as a picture has.

python examples/lesson/code_size.py
python examples/lesson/code_size.py --pictures 100
"""

from __future__ import annotations

from _lesson import chart, digits, error, fit, parser_of, whole_numbers
from sklearn.decomposition import PCA


def main() -> None:
    parser = parser_of(__doc__, "code_size.svg", 2500)
    parser.add_argument("--sizes", type=whole_numbers, default=[1, 2, 4, 8, 16, 32, 64])
    parser.add_argument("--pictures", type=int, default=1400, help="digits that are learned from")
    args = parser.parse_args()

    found = digits()
    learned, held_out = found.learned[: args.pictures], found.held_out
    lines: dict[str, list[tuple[float, float]]] = {
        "net, learned / mạng, ảnh đã học": [], "net, held out / mạng, ảnh để riêng": [],
        "PCA, held out / PCA, ảnh để riêng": [],
    }  # fmt: skip
    print("code  learned  held out  PCA, held out")
    for size in args.sizes:
        model = fit(learned, code_size=size, n_nodes=(128, 64), steps=args.steps)
        pca = PCA(min(size, len(learned), 63), random_state=0).fit(learned.reshape(-1, 64))
        flat = held_out.reshape(-1, 64)
        errors = (
            error(model.reconstruct(learned), learned), error(model.reconstruct(held_out), held_out),
            error(pca.inverse_transform(pca.transform(flat)), flat),
        )  # fmt: skip
        print(f"{size:4}  {errors[0]:.5f}  {errors[1]:.5f}   {errors[2]:.5f}")
        for line, value in zip(lines.values(), errors, strict=True):
            line.append((size, value))
    lines["PCA, held out / PCA, ảnh để riêng"] = [
        point for point in lines["PCA, held out / PCA, ảnh để riêng"] if point[0] <= 32
    ]  # at 64 PCA copies, and an error of 0 has no place on a logarithmic axis
    chart(lines, args.out, "code size / kích thước mã", "squared error / sai số bình phương")


if __name__ == "__main__":
    main()
