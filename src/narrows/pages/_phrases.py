"""Sentences that lower floors made in English, said in Vietnamese: reasons, notes and remarks with their numbers.

A sentence that is not known here (from a plug-in, or an operating system) stays as it is, marked as English, so that
a reader's screen reader and browser know.
"""

from __future__ import annotations

import re

from narrows.pages._html import Markup, escape, h

_VIETNAMESE: tuple[tuple[str, str], ...] = (
    # Reasons (model/build, architectures, losses)
    (r"what this task is best done with", "phù hợp nhất cho tác vụ này"),
    (r"a code was asked for", "vì bạn yêu cầu có mã"),
    (r"(\d+) values: fully connected, which begins at PCA",
     r"\1 giá trị: mạng kết nối đầy đủ, bắt đầu từ PCA"),
    (r"(\d+) values are many: convolutions need fewer weights",
     r"\1 giá trị là nhiều: tích chập cần ít trọng số hơn"),
    (r"(\S+) has a code at every place of a picture, which convolutions give",
     r"\1 có mã ở mọi vị trí của ảnh, và tích chập cho điều đó"),
    (r"half of (\d+) columns", r"một nửa của \1 cột"),
    (r"a 25th of (\d+) values, and 8 to 128", r"một phần 25 của \1 giá trị, trong khoảng 8 đến 128"),
    (r"what (\S+) takes at every place of its grid", r"số giá trị mà \1 nhận ở mỗi vị trí của lưới"),
    (r"(\d+) values are many", r"\1 giá trị là nhiều"),
    (r"(\d+) values are few", r"\1 giá trị là ít"),
    (r"the next power of two to (\d+) values, between (\d+) and (\d+)",
     r"luỹ thừa của hai kế tiếp \1 giá trị, trong khoảng \2 đến \3"),
    (r"(\d+) halvings? leaves? \((\d+), (\d+)\) of \((\d+), (\d+)\) pixels",
     r"\1 lần thu nhỏ một nửa đưa \4 × \5 điểm ảnh về \2 × \3"),
    (r"channels that double while the picture halves", "số kênh nhân đôi mỗi khi ảnh thu nhỏ một nửa"),
    (r"half-resolution channels that keep a CPU near a megapixel a second",
     "số kênh ở nửa độ phân giải để CPU đạt gần một megapixel mỗi giây"),
    (r"three levels see about 90 pixels around each pixel", "ba mức nhìn được khoảng 90 điểm ảnh quanh mỗi điểm ảnh"),
    (r"a 32nd of the shorter side: what stands a little elsewhere is no other picture",
     "một phần 32 của cạnh ngắn: vật lệch đi một chút thì vẫn là ảnh đó"),
    (r"(\d+) pictures are too few to tell whether mirrored ones look like them",
     r"\1 ảnh là quá ít để biết ảnh lật ngang có giống chúng không"),
    (r"PCA's error on mirrored pictures is (\S+) of that on others",
     r"sai số của PCA trên ảnh lật ngang bằng \1 lần trên ảnh không lật"),
    (r"the cells are standardised", "các ô đã được chuẩn hoá"),
    (r"([\d.]+%) of the values are within ([\d.]+) of 0 or 1", r"\1 số giá trị cách 0 hoặc 1 không quá \2"),
    (r"only ([\d.]+%) of the values are near 0 or 1", r"chỉ \1 số giá trị gần 0 hoặc 1"),
    (r"what comes out is a sum, which a sigmoid would bend", "đầu ra là một tổng, và hàm sigmoid sẽ bẻ cong nó"),
    (r"the values are not confined to 0\.\.1", "các giá trị không nằm gọn trong khoảng 0 đến 1"),
    (r"the pictures are clean: their noise measures (\S+) of 255", r"ảnh sạch: nhiễu đo được là \1 trên 255"),
    (r"the pictures are noisy, all about alike: (\S+) of 255, measured",
     r"ảnh bị nhiễu, mức độ gần như nhau: đo được \1 trên 255"),
    (r"the pictures are noisy, each in its own measure, about (\S+) of 255",
     r"ảnh bị nhiễu với mức độ khác nhau, khoảng \1 trên 255"),
    (r"the pictures are noisy \((\S+) of 255\) and neighbouring pixels share noise, of which a part will stay",
     r"ảnh bị nhiễu (\1 trên 255) và các điểm ảnh cạnh nhau có chung nhiễu, nên một phần nhiễu sẽ còn lại"),
    (r"taken as clean: noise of (\S+) of 255 from pixel to pixel; if they are noisy, neighbouring pixels share it, and "
     r"then only clean pictures or pairs can teach",
     r"coi là ảnh sạch: nhiễu giữa các điểm ảnh là \1 trên 255; nếu ảnh có nhiễu thì các điểm ảnh cạnh nhau có chung "
     r"nhiễu, và khi đó chỉ có thể học từ ảnh sạch hoặc từ các cặp ảnh"),
    (r"under (\d+) pixels a side noise cannot be told from detail: taken as clean",
     r"cạnh dưới \1 điểm ảnh thì không phân biệt được nhiễu với chi tiết: coi là ảnh sạch"),
    (r"damage was measured on the pictures given by --like", "mức độ hư hại được đo trên các ảnh nêu ở --like"),
    # Names of examples that have none (data)
    (r"row (\d+)", r"dòng \1"),
    (r"picture (\d+)", r"ảnh \1"),
    # Notes (data)
    (r"(\d+) of (\d+) pictures are resized to (\d+x\d+) for codes \(--size HxW\)",
     r"\1 trên \2 ảnh được đổi kích thước thành \3 để mã hoá (--size HxW)"),
    (r"(.*): neighbouring pages are alike, so of its (\d+) pages blocks are kept apart: (?:page )?(\S+) held out, "
     r"(?:page )?(\S+) for when to stop",
     r"\1: các trang cạnh nhau giống nhau, nên trong \2 trang có hai khối để riêng: \3 để đánh giá, \4 để biết khi nào "
     r"dừng"),
    (r"pictures of one shape become pictures of another", "ảnh có kích thước này trở thành ảnh có kích thước khác"),
    (r"(\d+) pictures without a usable partner are left out", r"bỏ qua \1 ảnh không có ảnh ghép cặp dùng được"),
    (r"has no partner: no picture of that name is in (.*)", r"không có ảnh ghép cặp: không ảnh nào cùng tên trong \1"),
    (r"has its name, but for the suffix, from another picture too", "trùng tên (không kể phần mở rộng) với ảnh khác"),
    (r"is (\d+x\d+) and its partner (\d+x\d+); the others agree in size",
     r"có kích thước \1 còn ảnh ghép cặp là \2; các cặp khác cùng kích thước"),
    (r"grey pictures among colour ones were made colour", "ảnh xám lẫn trong ảnh màu được chuyển thành ảnh màu"),
    (r"text columns left out: (.*)", r"các cột chữ bị bỏ qua: \1"),
    (r"empty columns left out: (.*)", r"các cột trống bị bỏ qua: \1"),
    (r"constant columns \(they say nothing\): (.*)", r"các cột không đổi (không cho biết gì): \1"),
    (r"(\d+) missing cells \(([\d.]+%)\): masked in the loss", r"\1 ô thiếu (\2): không tính vào hàm mất mát"),
    (r"values up to (\S+) were divided by 255", r"các giá trị (lớn nhất \1) đã được chia cho 255"),
    (r"(\d+) pictures were fitted from (.*) to (.*)", r"\1 ảnh được đổi từ \2 thành \3"),
    (r"left out, since it holds the labels: (.*)", r"bỏ qua vì chứa nhãn: \1"),
    (r"it has no code", "loại này không có mã"),
    (r"nothing was drawn: (.*)", r"không sinh được mẫu mới: \1"),
    (r"(.*) counts the rows, as an index does, and is learned from: take it out if it says nothing",
     r"\1 đếm số dòng, như một chỉ mục, và được dùng để học: hãy bỏ cột này nếu nó không nói lên điều gì"),
    (r"left out, not to be learned from: (.*)", r"bỏ qua, không dùng để học: \1"),
    (r"(.*): a table beside pictures is left out", r"\1: bảng nằm cạnh ảnh bị bỏ qua"),
    (r"(\d+) files: many pages: the first of (\d+) is used", r"\1 tệp: nhiều trang, dùng trang đầu trong \2 trang"),
    (r"(\d+) files: palette: worked on, and written, as full colour",
     r"\1 tệp: bảng màu, được xử lý và ghi lại dưới dạng đủ màu"),
    (r"(\d+) files: palette: worked on as full colour, and written with a new one",
     r"\1 tệp: bảng màu, được xử lý dưới dạng đủ màu và ghi lại với một bảng màu mới"),
    (r"(\d+) files: YCbCr: worked on, and written, as RGB", r"\1 tệp: YCbCr, được xử lý và ghi lại dưới dạng RGB"),
    (r"(\d+) files: CMYK: worked on as RGB", r"\1 tệp: CMYK, được xử lý dưới dạng RGB"),
    (r"(\d+) files: animated: the first of (\d+) frames is used", r"\1 tệp: ảnh động, dùng khung đầu trong \2 khung"),
    (
        r"(\d+) files: the first of the (\d+) pictures in the file is used, and written alone",
        r"\1 tệp: dùng ảnh đầu trong \2 ảnh của tệp, và chỉ ghi ảnh ấy",
    ),
    (r"(\d+) files: animated: the first frame is used", r"\1 tệp: ảnh động, dùng khung đầu tiên"),
    (r"(\d+) files: (\d+) bits a value, packed: written with (\d+)",
     r"\1 tệp: giá trị \2 bit trong tệp nén, ghi bằng \3 bit"),
    (r"(\d+) files: 16 bits a channel: read, and written, with 8", r"\1 tệp: 16 bit mỗi kênh, đọc và ghi bằng 8 bit"),
    # Reasons for leaving a file out (data)
    (r"no suffix: neither picture nor table", "không có phần mở rộng: không phải ảnh cũng không phải bảng"),
    (r"(\S+): neither picture nor table", r"\1: không phải ảnh cũng không phải bảng"),
    (r"not a file", "không phải tệp"),
    (r"a link that leads nowhere", "liên kết không dẫn đến đâu"),
    (r"a link to a folder is not followed", "không đi theo liên kết đến thư mục"),
    (r"cannot be opened: (.*)", r"không mở được: \1"),
    (r"cannot be read as a picture \((.*)\); PNG, JPEG, TIFF, WebP, BMP and GIF can",
     r"không đọc được như một ảnh (\1); đọc được PNG, JPEG, TIFF, WebP, BMP và GIF"),
    (r"is empty \(0 bytes\); get the file anew", "tệp rỗng (0 byte); hãy lấy lại tệp"),
    (r"may not be read \(permission denied\); change its permissions", "không có quyền đọc; hãy đổi quyền truy cập"),
    (r"is no file \(a pipe, a device or a socket\); give the path of a picture", "không phải tệp thông thường"),
    (r"does not exist; give the path of a picture", "không tồn tại"),
    (r"has (.*) colours; grey, RGB and CMYK are read: save it as RGB first",
     r"có màu kiểu \1; chỉ đọc ảnh xám, RGB và CMYK: hãy lưu thành RGB trước"),
    (r"has YCbCr colours of another kind than 8 bits of full range with the weights of BT.601: save it as RGB first",
     "có màu YCbCr khác loại 8 bit đủ dải với hệ số BT.601: hãy lưu thành RGB trước"),
    (r"claims (\d+x\d+) pixels; pictures of 1 pixel to (\d+) megapixels are read: cut it into parts first",
     r"tự khai \1 điểm ảnh; chỉ đọc ảnh từ 1 điểm ảnh đến \2 megapixel: hãy cắt nhỏ trước"),
    # Remarks (training)
    (r"bf16-mixed was asked for and this device has no bf16 instructions: steps take many times as long; "
     r"--precision auto is faster",
     r"đã yêu cầu bf16-mixed nhưng thiết bị này không có lệnh bf16: mỗi bước lâu hơn nhiều lần; "
     r"--precision auto nhanh hơn"),
    (r"step (\d+): memory ran out at (\d+) examples at once; went on with (\d+), the effective batch stays (\d+)",
     r"bước \1: hết bộ nhớ khi xử lý \2 mẫu cùng lúc; tiếp tục với \3 mẫu, kích thước lô thực tế vẫn là \4"),
    (r"step (\d+) of (\d+): stopped early, the held-out loss was best at step (\d+)",
     r"bước \1 trên \2: dừng sớm, mất mát trên dữ liệu để riêng tốt nhất ở bước \3"),
    (r"step (\d+): the loss was not a number; went back to step (\d+) and on with learning rate (\S+)",
     r"bước \1: mất mát không còn là số; quay lại bước \2 và tiếp tục với tốc độ học \3"),
    (r"step (\d+): the loss jumped from (\S+) to (\S+); went back to step (\d+) and on with learning rate (\S+)",
     r"bước \1: mất mát vọt từ \2 lên \3; quay lại bước \4 và tiếp tục với tốc độ học \5"),
    (r"step (\d+): the code says almost nothing of the input \((\S+) nats a value\); a lower beta, a longer warm-up or "
     r"free bits help",
     r"bước \1: mã hầu như không cho biết gì về đầu vào (\2 nat mỗi giá trị); hãy giảm beta, kéo dài giai đoạn tăng "
     r"dần hoặc dùng free bits"),
    (r"step (\d+): level (\d+) of the code says almost nothing \((\S+) nats\); fewer levels, a longer warm-up or free "
     r"bits help",
     r"bước \1: tầng \2 của mã hầu như không cho biết gì (\3 nat); hãy giảm số tầng, kéo dài giai đoạn tăng dần hoặc "
     r"dùng free bits"),
    (r"step (\d+): most of the codebook is not used \((\S+) is\); a smaller codebook, or more data, helps",
     r"bước \1: phần lớn bảng mã không được dùng (chỉ dùng \2); hãy dùng bảng mã nhỏ hơn hoặc thêm dữ liệu"),
    (r"step (\d+): half of the units or more are dead \((\S+)\); fewer units, a larger k or a lower learning rate "
     r"helps",
     r"bước \1: từ một nửa số đơn vị trở lên đã chết (\2); hãy giảm số đơn vị, tăng k hoặc giảm tốc độ học"),
    (r"step (\d+): the critic has won \(it is right in (\S+)\), so codes drift from the prior; a lower learning rate "
     r"helps",
     r"bước \1: bộ phê bình đã thắng (đúng \2), nên mã lệch khỏi phân phối tiên nghiệm; hãy giảm tốc độ học"),
    (r"step (\d+): no longer so: (.*)", r"bước \1: cảnh báo trước đó không còn đúng"),
)  # fmt: skip
_KNOWN = tuple((re.compile(pattern, re.DOTALL), said) for pattern, said in _VIETNAMESE)


def translated(text: str, lang: str) -> str | None:
    """The sentence in `lang`; None when nobody has said it there yet."""
    if lang == "en":
        return text
    for pattern, said in _KNOWN:
        found = pattern.fullmatch(text)
        if found:
            return found.expand(said)
    return None


def phrase(text: str, lang: str) -> Markup:
    """The sentence for a page, escaped."""
    said = translated(text, lang)
    return escape(said) if said is not None else h("span", text, lang="en")
