"""Every word of every page, in English and Vietnamese side by side, so that neither can lack what the other has."""

from __future__ import annotations

from narrows._errors import UnknownName

LANGUAGES = ("en", "vi")

WORDS: dict[str, tuple[str, str]] = {
    # The report of `fit`: heading and verdict
    "report": ("Report", "Báo cáo"),
    "byline": (
        "{kind}, {architecture}, task {task}; {parameters} parameters; trained for {seconds} on {examples} {what}",
        "{kind}, {architecture}, tác vụ {task}; {parameters} tham số; huấn luyện {seconds} trên {examples} {what}",
    ),
    "pictures": ("pictures", "ảnh"),
    "rows": ("rows", "dòng"),
    "no verdict": (
        "Nothing was held out, so nothing can be said about pictures that the network has not seen.",
        "Không có dữ liệu nào được để riêng, nên chưa thể nói gì về những dữ liệu mà mạng chưa từng thấy.",
    ),
    "no truth": (
        "Not judged: there are no clean pictures to judge by. The network learned from noisy pictures alone; look at "
        "its results on pictures that it has not seen.",
        "Chưa đánh giá được: không có ảnh sạch để so sánh. Mạng chỉ học từ ảnh nhiễu; hãy tự xem kết quả trên những "
        "ảnh mà mạng chưa từng thấy.",
    ),
    # Scores
    "scores": ("Held-out error", "Sai số trên dữ liệu để riêng"),
    "scores intro": (
        "Measured on {n} {what} that took no part in training. Below each mean stands its 95\u00a0% bootstrap interval "
        "over these {what}.",
        "Đo trên {n} {what} không tham gia huấn luyện. Dưới mỗi giá trị trung bình là khoảng tin cậy bootstrap "
        "95\u00a0% tính trên các {what} này.",
    ),
    "one alone": (
        "Measured on one example alone: that gives no interval, and says little.",
        "Chỉ đo trên một mẫu: không có khoảng tin cậy và nói lên rất ít.",
    ),
    "squared error": ("squared error", "sai số bình phương"),
    "squared error unit": (
        "Squared error: mean over the values of each example.",
        "Sai số bình phương: trung bình trên các giá trị của mỗi mẫu.",
    ),
    "standardised unit": (
        "Squared error: in units of each column's variance, so that 1 is as bad as knowing only the means.",
        "Sai số bình phương: tính theo phương sai của từng cột, nên 1 nghĩa là không hơn gì việc chỉ biết các giá trị "
        "trung bình.",
    ),
    "psnr note": (
        "PSNR in decibels against a peak of 1; SSIM from -1 to 1. Higher is better for both.",
        "PSNR tính bằng decibel với giá trị đỉnh là 1; SSIM từ -1 đến 1. Cả hai càng cao càng tốt.",
    ),
    "ssim capped": (
        "SSIM is taken over the first {n} of them.",
        "SSIM được tính trên {n} mẫu đầu tiên.",
    ),
    "method": ("method", "phương pháp"),
    "network": ("the network", "mạng"),
    "direct short": ("direct net", "mạng trực tiếp"),
    "direct": ("a net without a code, trained as long", "mạng không có mã, huấn luyện cùng thời gian"),
    "PCA": ("PCA, same code size", "PCA, cùng kích thước mã"),
    "mean": ("the mean alone", "chỉ giá trị trung bình"),
    "untouched": ("untouched input", "đầu vào để nguyên"),
    "best filter": ("{name}, best classical filter", "{name}, bộ lọc cổ điển tốt nhất"),
    "filter chosen": (
        "The filter and its setting were chosen on training pictures.",
        "Bộ lọc và thông số của nó được chọn trên ảnh huấn luyện.",
    ),
    # Pictures
    "seen": ("Pictures the network had not seen", "Những ảnh mạng chưa từng thấy"),
    "seen intro": (
        "Taken at even distances through the held-out pictures, not chosen by how well they came out.",
        "Lấy cách đều trong tập ảnh để riêng, không chọn theo kết quả tốt hay xấu.",
    ),
    "worst": ("The worst cases", "Những trường hợp tệ nhất"),
    "worst intro": (
        "The held-out {what} with the largest error: here the network understands the data least.",
        "Những {what} để riêng có sai số lớn nhất: ở đây mạng hiểu dữ liệu kém nhất.",
    ),
    "original": ("original", "ảnh gốc"),
    "input": ("input", "đầu vào"),
    "result": ("network", "mạng"),
    "clean": ("clean", "ảnh sạch"),
    "target": ("target", "ảnh đích"),
    "channels shown": (
        "Pictures of {n} channels are shown as their mean.",
        "Ảnh có {n} kênh được hiển thị bằng giá trị trung bình của các kênh.",
    ),
    # Columns of tables
    "columns": ("Every column", "Từng cột"),
    "columns intro": (
        "Held-out error of each column, worst first. The last column is the typical error in the column's own unit.",
        "Sai số trên dữ liệu để riêng của từng cột, tệ nhất đứng trước. Cột cuối là sai số điển hình theo đơn vị của "
        "chính cột đó.",
    ),
    "columns cut": ("The {n} worst of {all} columns are shown.", "Chỉ hiển thị {n} cột tệ nhất trong {all} cột."),
    "column": ("column", "cột"),
    "own unit": ("typical error", "sai số điển hình"),
    "row": ("row", "dòng"),
    "mostly from": ("mostly from", "chủ yếu do"),
    # Curves and gap
    "curves": ("How it learned", "Quá trình học"),
    "training curve": ("training loss", "hàm mất mát khi huấn luyện"),
    "held-out curve": ("held-out loss", "hàm mất mát trên dữ liệu để riêng"),
    "step": ("optimizer step", "bước tối ưu"),
    "loss": ("loss", "mất mát"),
    "best step": ("kept: step {step}", "giữ lại: bước {step}"),
    "curves described": (
        "Training and held-out loss over {steps} steps",
        "Hàm mất mát khi huấn luyện và trên dữ liệu để riêng qua {steps} bước",
    ),
    "curves note": (
        "Training loss is the mean between two evaluations, of weights as they moved; held-out loss is of the averaged "
        "weights, on examples that only say when to stop. Neither judged the verdict above.",
        "Mất mát khi huấn luyện là trung bình giữa hai lần đánh giá, với trọng số đang thay đổi; mất mát trên dữ liệu "
        "để riêng dùng trọng số đã lấy trung bình, trên những mẫu chỉ để quyết định lúc dừng. Cả hai không dùng để đưa "
        "ra kết luận ở trên.",
    ),
    "no curve": ("No evaluation took place.", "Chưa có lần đánh giá nào."),
    "still falling": (
        "The held-out loss was still falling at the end: more time would probably help.",
        "Mất mát trên dữ liệu để riêng vẫn còn giảm ở cuối: thêm thời gian có lẽ sẽ tốt hơn.",
    ),
    "gap": ("The gap", "Chênh lệch giữa huấn luyện và kiểm tra"),
    "gap facts": (
        "On training examples the squared error is {seen}, on held-out ones {unseen}: {ratio} times as large.",
        "Trên mẫu huấn luyện sai số bình phương là {seen}, trên mẫu để riêng là {unseen}: gấp {ratio} lần.",
    ),
    "gap none": (
        "No difference could be shown, so there is no sign that the network has learned its examples by heart. If the "
        "error is still too large, a larger code, a larger net or more time would help rather than more data.",
        "Chưa thấy được sự khác biệt, nên không có dấu hiệu mạng học thuộc lòng các mẫu. Nếu sai số còn quá lớn thì mã "
        "lớn hơn, mạng lớn hơn hoặc thêm thời gian sẽ có ích hơn là thêm dữ liệu.",
    ),
    "gap some": (
        "The network does somewhat better on what it has seen. That is usual; more data would close the gap.",
        "Mạng làm tốt hơn một chút trên những gì đã thấy. Điều này là bình thường; thêm dữ liệu sẽ "
        "thu hẹp chênh lệch.",
    ),
    "gap wide": (
        "The network has partly learned its examples by heart. More data would help, or a smaller net, or a smaller "
        "code.",
        "Mạng đã phần nào học thuộc lòng các mẫu. Nên thêm dữ liệu, hoặc dùng mạng nhỏ hơn hay mã nhỏ hơn.",
    ),
    # The net
    "net": ("The network, layer by layer", "Mạng, từng lớp một"),
    "net facts": (
        "{parameters} parameters, {adds} multiply-adds and {ms} ms for each {what} on this machine.",
        "{parameters} tham số, {adds} phép nhân-cộng và {ms} ms cho mỗi {what} trên máy này.",
    ),
    "picture": ("picture", "ảnh"),
    "one row": ("row", "dòng"),
    "net caption": (
        "From input to output, left to right. Height: the square root of how many values a layer gives.",
        "Từ đầu vào đến đầu ra, trái sang phải. Chiều cao: căn bậc hai của số giá trị mà mỗi lớp đưa ra.",
    ),
    "grows note": (
        "\u25b2 marks a layer before the code that gives more values than it gets: on the way to the code values "
        "should become fewer, not more.",
        "\u25b2 đánh dấu lớp nằm trước mã mà đưa ra nhiều giá trị hơn nhận vào: trên đường đến mã, số giá trị nên giảm "
        "đi chứ không tăng lên.",
    ),
    "code and more": (
        "The layer that gives the code gives {values} values: {code} of them are the code, the others serve the kind "
        "while it trains.",
        "Lớp tạo ra mã đưa ra {values} giá trị: {code} trong số đó là mã, phần còn lại phục vụ loại mạng này khi huấn "
        "luyện.",
    ),
    "layer": ("layer", "lớp"),
    "part": ("part", "phần"),
    "gives": ("gives", "đưa ra"),
    "values": ("values", "số giá trị"),
    "parameters": ("parameters", "tham số"),
    "multiply-adds": ("multiply-adds", "phép nhân-cộng"),
    "grows": ("grows", "phình ra"),
    "part input": ("input", "đầu vào"),
    "part encoder": ("encoder", "bộ mã hoá"),
    "part code": ("code", "mã"),
    "part decoder": ("decoder", "bộ giải mã"),
    "part net": ("net", "mạng"),
    "all layers": ("All {n} layers with their numbers", "Tất cả {n} lớp với các con số"),
    # Hyperparameters
    "choices": ("What was chosen, and why", "Đã chọn gì, và vì sao"),
    "option": ("option", "tuỳ chọn"),
    "value": ("value", "giá trị"),
    "why": ("why", "vì sao"),
    "asked": ("you asked for it", "theo yêu cầu của bạn"),
    "no code": ("none", "không có"),
    "yes": ("yes", "có"),
    "no": ("no", "không"),
    "pixels each way": ("{n} pixels each way", "{n} điểm ảnh mỗi phía"),
    "no code why": ("this kind of net has no code", "loại mạng này không có mã"),
    # Data
    "data": ("The data", "Dữ liệu"),
    "read as": ("read", "đã đọc"),
    "files": ("files", "tệp"),
    "size": ("size", "kích thước"),
    "split": ("split", "phân chia"),
    "split facts": (
        "{training} to learn from, {validation} to say when to stop, {held_out} to judge by",
        "{training} để học, {validation} để quyết định lúc dừng, {held_out} để đánh giá",
    ),
    "count pictures": ("{n} pictures", "{n} ảnh"),
    "count rows": ("{n} rows of {columns} columns", "{n} dòng, {columns} cột"),
    "pixels": ("{height} \u00d7 {width} pixels, {colours}", "{height} \u00d7 {width} điểm ảnh, {colours}"),
    "grey": ("grey", "ảnh xám"),
    "colour": ("colour", "ảnh màu"),
    "channels": ("{n} channels", "{n} kênh"),
    "count pairs": ("{n} pairs", "{n} cặp ảnh"),
    "becomes": ("{one}; they become {other}", "{one}; chuyển thành {other}"),
    "photos": (
        "photographs of their own sizes, learned from in patches",
        "ảnh giữ nguyên kích thước, học theo từng mảnh",
    ),
    "notes": ("Notes", "Ghi chú"),
    "skipped": ("{n} skipped, with the reason", "{n} tệp bị bỏ qua, kèm lý do"),
    "nothing skipped": ("Nothing was skipped.", "Không có gì bị bỏ qua."),
    "and more": ("and {n} more", "và {n} tệp nữa"),
    # Run
    "remarks": ("Remarks of the run", "Diễn biến đáng chú ý"),
    "training settings": ("All training settings", "Mọi thiết lập huấn luyện"),
    "machine": ("Machine", "Máy tính"),
    "repeat": ("To do it again", "Để làm lại"),
    "from python": (
        "This model was fitted from Python, by narrows.fit, with the settings above.",
        "Mô hình này được huấn luyện từ Python, bằng narrows.fit, với các thiết lập ở trên.",
    ),
    "made by": ("Made by narrows {version} on {date}.", "Tạo bởi narrows {version} ngày {date}."),
    # The demo
    "demo title": ("narrows: what it does", "narrows: công cụ này làm gì"),
    "demo intro": (
        "Both halves of this page were computed on this machine, just now.",
        "Cả hai phần của trang này vừa được tính trên chính máy này.",
    ),
    "demo digits": ("Digits through a narrow code", "Chữ số đi qua một mã hẹp"),
    "demo digits facts": (
        "{training} pictures of {values} values each were learned from in {seconds}; each becomes a code of {code} "
        "values and comes back from it.",
        "Học từ {training} ảnh, mỗi ảnh {values} giá trị, trong {seconds}; mỗi ảnh được nén thành mã {code} giá trị "
        "rồi được dựng lại từ mã đó.",
    ),
    "walks": ("From one digit to another", "Từ chữ số này sang chữ số khác"),
    "walks intro": (
        "The first and last of each row are real; those between come from codes on the straight line between their "
        "codes.",
        "Ảnh đầu và ảnh cuối mỗi hàng là ảnh thật; những ảnh ở giữa được dựng từ các mã nằm trên đoạn thẳng nối "
        "hai mã.",
    ),
    "walk": ("walk {n}", "đường {n}"),
    "new digits": ("Digits that nobody wrote", "Những chữ số chưa ai viết"),
    "new": ("drawn", "sinh ra"),
    "full report": ("The full report of this model", "Báo cáo đầy đủ của mô hình này"),
    "demo photo": ("A photograph without its noise", "Một bức ảnh được khử nhiễu"),
    "demo photo facts": (
        "Noise of standard deviation {level} (of 255) was put on {name}; {model}, which ships with narrows, took it "
        "away in {seconds} without being told how strong it was.",
        "Nhiễu có độ lệch chuẩn {level} (trên 255) được thêm vào {name}; {model}, mô hình đi kèm narrows, khử nhiễu "
        "trong {seconds} mà không được cho biết nhiễu mạnh đến đâu.",
    ),
    "photo good": (
        "The network gains {gain} dB over the noisy picture and {over} dB over the best classical filter ({filter}).",
        "Mạng tăng {gain} dB so với ảnh nhiễu và {over} dB so với bộ lọc cổ điển tốt nhất ({filter}).",
    ),
    "photo filter": (
        "The network gains {gain} dB over the noisy picture, but the classical filter ({filter}) does {under} dB "
        "better.",
        "Mạng tăng {gain} dB so với ảnh nhiễu, nhưng bộ lọc cổ điển ({filter}) còn tốt hơn {under} dB.",
    ),
    "photo bad": (
        "Here the network made the picture worse, by {loss} dB: do not use it on pictures like this.",
        "Ở đây mạng làm ảnh xấu đi {loss} dB: không nên dùng nó cho những ảnh như thế này.",
    ),
    "no photo": (
        "No denoising model ships with this installation, so this half of the page is empty.",
        "Bản cài đặt này không kèm mô hình khử nhiễu nào, nên phần này của trang để trống.",
    ),
    "noisy": ("noisy", "ảnh nhiễu"),
    "restored": ("restored", "đã khử nhiễu"),
    "look": (
        "Choose what to see, in the same place:",
        "Chọn ảnh muốn xem, tại cùng một vị trí:",
    ),
    "detail": ("A detail, enlarged", "Một chi tiết phóng to"),
    "yours": ("The same with your own", "Làm tương tự với dữ liệu của bạn"),
    # The page of `size`
    "size title": ("How big a code?", "Mã nên lớn bao nhiêu?"),
    "size byline": (
        "{count} sizes tried on {examples} {what}, {seconds} of training",
        "Đã thử {count} kích thước trên {examples} {what}, huấn luyện {seconds}",
    ),
    "size curve": ("Error by code size", "Sai số theo kích thước mã"),
    "size axis": ("values in the code", "số giá trị trong mã"),
    "size learned": ("on training examples", "trên mẫu huấn luyện"),
    "size held out": ("on held-out examples", "trên mẫu để riêng"),
    "size half": ("after half of the training", "khi huấn luyện được một nửa"),
    "size answer": ("the answer: {size}", "câu trả lời: {size}"),
    "size table": ("Every size", "Từng kích thước"),
    "size memorised": ("nearer to a training example", "gần một mẫu huấn luyện hơn"),
    "size state": ("error at the end", "sai số lúc kết thúc"),
    "size falls": ("still falling", "vẫn đang giảm"),
    "size stopped": ("stopped falling", "đã ngừng giảm"),
    "size one round": ("one round only", "mới một vòng"),
    "size error": ("mean squared error", "sai số bình phương trung bình"),
    "size values": ("code size", "kích thước mã"),
    "size seeds": ("seeds", "số hạt giống"),
    "size gap": ("held out over training", "để riêng so với huấn luyện"),
    "size memory note": (
        "Nearer to a training example: the share of held-out examples whose reconstruction lies nearer to something "
        "learned than to themselves. Much of it, with a wide gap, is learning by heart.",
        "Gần một mẫu huấn luyện hơn: tỉ lệ mẫu để riêng mà bản khôi phục của nó gần một mẫu đã học hơn là gần chính "
        "nó. Tỉ lệ lớn cùng khoảng cách sai số rộng nghĩa là học thuộc lòng.",
    ),
    "size opinion": ("A second opinion, from the data alone", "Ý kiến thứ hai, chỉ từ dữ liệu"),
    "size local": ("local PCA over growing neighbourhoods", "PCA cục bộ trên các lân cận lớn dần"),
    "size no gap": ("no clear gap, so no answer", "không có khoảng trống rõ ràng nên không trả lời"),
    "size twonn": ("TwoNN: the two nearest neighbours", "TwoNN: hai láng giềng gần nhất"),
    "size linear": ("components of PCA for 95 % of the variance", "số thành phần PCA cho 95 % phương sai"),
    "size elbow": ("component after which PCA's spectrum falls most", "thành phần mà sau đó phổ PCA giảm mạnh nhất"),
    "size participation": ("participation ratio", "tỉ số tham gia"),
    "size noise": (
        "The data have a floor of white noise: one code value more is allowed to gain {noise} by storing it.",
        "Dữ liệu có nền nhiễu trắng: mỗi giá trị thêm vào mã được phép giảm {noise} sai số nhờ lưu nhiễu.",
    ),
    "size use": ("Fit with this size", "Huấn luyện với kích thước này"),
    # The comparison of kinds
    "compared": ("Kinds of autoencoder, side by side", "So sánh các loại autoencoder"),
    "compared byline": (
        "{n} kinds; codes of {code} values; {seconds} of training for each; judged on {judged} held-out {what}",
        "{n} loại; mã gồm {code} giá trị; mỗi loại huấn luyện {seconds}; đánh giá trên {judged} {what} để riêng",
    ),
    "all kinds": ("All kinds", "Tất cả các loại"),
    "kind": ("kind", "loại"),
    "over PCA": ("over PCA's", "so với PCA"),
    "labels wrong": ("labels wrong, linear, %", "sai nhãn, tuyến tính, %"),
    "labels wrong nearest": ("labels wrong, nearest codes, %", "sai nhãn, mã gần nhất, %"),
    "frechet": ("Frechet distance", "khoảng cách Frechet"),
    "precision": ("precision", "độ chính xác"),
    "recall": ("recall", "độ bao phủ"),
    "drawn from": ("drawn from", "sinh từ"),
    "own prior": ("its own", "của chính nó"),
    "code": ("code", "mã"),
    "code values": ("{n} values", "{n} giá trị"),
    "code bits": ("{bits} bits", "dài {bits} bit"),
    "in use": ("in use", "được dùng"),
    "ms each": ("ms each", "ms mỗi mẫu"),
    "trained for": ("trained for", "huấn luyện"),
    "compared intro": (
        "Below each mean stands its 95\u00a0% bootstrap interval over the held-out examples. Where few values of a "
        "code are active at a time, these are counted. Codes of indices are counted in bits; they have their own size.",
        "Dưới mỗi giá trị trung bình là khoảng tin cậy bootstrap 95\u00a0% trên các mẫu để riêng. Nếu mỗi lúc chỉ có "
        "ít giá trị của mã hoạt động thì chỉ đếm những giá trị đó. Mã gồm các chỉ số được đếm bằng bit, với kích thước "
        "riêng.",
    ),
    "compared space": (
        "New examples are compared with {n} held-out ones by {space}; real training examples reach {real} there. Low "
        "distances, high precision and high recall are good. The numbers hold in this space alone.",
        "Mẫu mới được so với {n} mẫu để riêng theo {space}; mẫu huấn luyện thật đạt {real}. Khoảng cách nhỏ, độ chính "
        "xác và độ bao phủ cao là tốt. Các con số chỉ có nghĩa trong không gian này.",
    ),
    "compared probe": (
        "Labels took no part in training: classifiers learn from the frozen codes of training examples and are counted "
        "on held-out ones.",
        "Nhãn không tham gia huấn luyện: bộ phân loại học từ mã đã cố định của mẫu huấn luyện và được đếm trên mẫu để "
        "riêng.",
    ),
    "compared pictures": ("The same pictures through every kind", "Cùng những ảnh đó qua mọi loại"),
    "compared back": (
        "Held-out pictures, and what comes back from their codes.",
        "Ảnh để riêng và ảnh dựng lại từ mã.",
    ),
    "compared new": ("New pictures, drawn and not chosen.", "Ảnh mới, được sinh ra và không chọn lọc."),
    # Before and after
    "before after": ("Before and after: {verb}", "Trước và sau: {verb}"),
    "before": ("before", "ban đầu"),
    "after": ("after", "kết quả"),
    "slider hint": (
        "Draw the line over a picture, or use the arrow keys: left of it is what came, right of it the result. Whole "
        "pictures are reduced to fit; the detail beside each is shown pixel by pixel, at twice its size.",
        "Kéo vạch ngang qua ảnh, hoặc dùng phím mũi tên: bên trái là ảnh ban đầu, bên phải là kết quả. Ảnh toàn cảnh "
        "được thu nhỏ cho vừa; chi tiết bên cạnh hiển thị từng điểm ảnh, phóng to gấp đôi.",
    ),
    "slider part": ("{n} of {all} pictures, at even distances through all.", "{n} trong {all} ảnh, lấy cách đều."),
    "slider label": ("{name}: how much of it is shown as it came", "{name}: phần hiển thị của ảnh ban đầu"),
    "what was gained": ("What was gained", "Cải thiện được bao nhiêu"),
    "gained intro": (
        "Decibels nearer to the truth, each with its 95\u00a0% interval, judged on the middle of each picture.",
        "Số decibel gần ảnh thật hơn, kèm khoảng tin cậy 95\u00a0%, đánh giá trên phần giữa của mỗi ảnh.",
    ),
    "over what came": ("over what came", "so với ảnh ban đầu"),
    "over filter": ("over the filter", "so với bộ lọc"),
    "the filter": ("filter", "bộ lọc"),
    "filter command": (
        "To have the filter's result instead, add --classical {name}.",
        "Để lấy kết quả của bộ lọc, thêm --classical {name}.",
    ),
}  # fmt: skip


class Say:
    """`say("byline", kind="sparse", ...)` gives the words in one language. Raises UnknownName for another language."""

    def __init__(self, lang: str) -> None:
        if lang not in LANGUAGES:
            raise UnknownName.of("language", lang, LANGUAGES)
        self.lang = lang
        self._column = LANGUAGES.index(lang)

    def __call__(self, key: str, **facts: object) -> str:
        text = WORDS[key][self._column]
        return text.format(**facts) if facts else text
