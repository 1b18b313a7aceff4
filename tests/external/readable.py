"""Whether a page can be read: no text is too faint, and none is off the screen."""

from __future__ import annotations

import re

from playwright.sync_api import Page


def luminance(color: str) -> float:
    """WCAG 2.2, relative luminance."""
    parts = [int(part) / 255 for part in re.findall(r"\d+", color)[:3]]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


CONTRASTS = """() => [...document.querySelectorAll('body *')]
  .filter(e => e.checkVisibility() &&
    [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()))
  .map(e => {
    let ground = e;
    while (ground && getComputedStyle(ground).backgroundColor === 'rgba(0, 0, 0, 0)')
      ground = ground.parentElement;
    return [e.tagName + '#' + e.id, getComputedStyle(e).color,
      getComputedStyle(ground || document.body).backgroundColor];
  })"""


def check_readable(page: Page, width: int) -> None:
    """Fail where the page is wider than the screen, or a text has too little contrast."""
    assert page.evaluate("() => document.documentElement.scrollWidth") <= width
    measured = page.evaluate(CONTRASTS)
    assert measured
    for name, ink, ground in measured:
        one, other = sorted((luminance(ink), luminance(ground)))
        # WCAG 2.2, 1.4.3
        assert (other + 0.05) / (one + 0.05) >= 4.5, (name, ink, ground)
