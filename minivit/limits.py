"""How much memory reading a file may take, whatever is in the file.

One rule holds for every file that minivit reads: at most `MEMORY` bytes beyond what the process
had before, or twice the file's own size where that is more. Each reader keeps it by looking at the
sizes that a file states before it makes room for them, and by refusing what it never needs.
docs/reliability.md lists the readers; tests/reliability/ runs them in a process with this limit.
"""

MEMORY = 1 << 30  # bytes; the largest need is CIFAR's: its images, and one file of them
UNPACKED = 1 << 29  # bytes that a .tar.gz may unpack to in all; CIFAR has 186 million
PIXELS = 50_000_000  # of one image; Pillow needs up to 16 bytes for each (WEBP)
IMAGE_FILE = 200_000_000  # bytes of one image's file; a bitmap of PIXELS has 150 million
TEXT_FILE = 1 << 26  # bytes of config.json or of metrics.jsonl: 200,000 epochs
TARGET_FILE = 1 << 23  # bytes of a CSV file with targets: 100,000 images with ten columns
