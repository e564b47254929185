"""ICC profiles for tests."""

import struct

# The primaries of sRGB in the ICC connection space (D50).
RED, GREEN, BLUE = (0.436, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7139)


def profile(red, green, blue, name):
    """A minimal ICC display profile with these primaries and gamma 2.2."""

    def fixed(value):
        return struct.pack(">i", round(value * 65536))

    def xyz(values):
        return b"XYZ \0\0\0\0" + b"".join(map(fixed, values))

    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(2.2 * 256)) + bytes(2)
    description = b"desc\0\0\0\0" + struct.pack(">I", len(name) + 1) + name + bytes(79)
    tags = {
        b"desc": description + bytes(-len(description) % 4),
        b"wtpt": xyz((0.9642, 1, 0.8249)),
        **{b"rXYZ": xyz(red), b"gXYZ": xyz(green), b"bXYZ": xyz(blue)},
        **{b"rTRC": curve, b"gTRC": curve, b"bTRC": curve},
    }
    offset, table, data = 132 + 12 * len(tags), struct.pack(">I", len(tags)), b""
    for tag, content in tags.items():
        table += tag + struct.pack(">II", offset + len(data), len(content))
        data += content
    header = struct.pack(">I4sI", 128 + len(table) + len(data), bytes(4), 0x02100000)
    header += b"mntrRGB XYZ " + bytes(12) + b"acsp" + bytes(28)
    header += fixed(0.9642) + fixed(1) + fixed(0.8249)
    return header.ljust(128, b"\0") + table + data
