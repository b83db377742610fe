"""How long a page takes from a click or key to the changed picture on the screen: by hand.

    PYTHONPATH=.:tests/helpers python tests/explain/answer_times.py PAGE.html

PAGE.html is from `python -m minivit explain MODEL IMAGE --html PAGE.html`. Needs playwright and a
browser. Prints for each kind of interaction the median and the largest of twelve, in milliseconds,
as the browser measures them (Event Timing, in steps of eight: from the input to the next frame).
"""

import statistics
import sys
from pathlib import Path

from browser import opened_browser, opened_page

OBSERVE = """() => {
  window.durations = [];
  const note = (list) => durations.push(...list.getEntries().map((entry) => entry.duration));
  new PerformanceObserver(note).observe({ type: "event", durationThreshold: 16 });
}"""
ACTS = {  # what: (selector of the elements that take turns, key; "" for a click)
    "another label": ("#bars button", ""),
    "another picture": ("#thumbs button", ""),
    "another overlay": ("#overlays button", ""),
    "another head": ("#blocks [data-map]", ""),
    "size of a nudge": ("#size", "ArrowRight"),
    "another number": ("#any", ""),
    "optimizer step": ("#take", "Enter"),
    "open a layer": ("#columns .head", ""),
}
REST = 350  # milliseconds until what is drawn later has been drawn, too


def measured(page, selector, key, number):
    """Milliseconds of one act; below the threshold of 16 the browser reports none: 0."""
    found = page.locator(selector)
    element = found.nth(number % found.count())
    element.scroll_into_view_if_needed()
    page.wait_for_timeout(REST)
    page.evaluate("durations.length = 0")
    if key:
        element.press(key)
    else:
        element.click()
    page.wait_for_timeout(REST)
    return max(page.evaluate("durations"), default=0)


def main(path, count=12):
    """Print a line for each kind of act."""
    with opened_browser() as browser, opened_page(browser, Path(path).resolve()) as page:
        page.evaluate(OBSERVE)
        for what, (selector, key) in ACTS.items():
            times = [measured(page, selector, key, number) for number in range(count)]
            print(f"{what:16} {statistics.median(times):5.0f} {max(times):5.0f} ms", flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
