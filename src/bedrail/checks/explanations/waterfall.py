"""The picture of an account: from a typical patient to this one, share by share, in words for whoever cannot see it."""

from __future__ import annotations

from html import escape

from bedrail.models.explain.account import Account, Share
from bedrail.models.explain.words import percent, quantity

RAISES, LOWERS = "#d55e00", "#0072b2"
"""Okabe and Ito (2008); direction is also told by the arrow's side and a sign, never by colour alone."""

MOST = 8
ROW, LEFT, WIDTH = 26, 260, 380


def waterfall(told: Account) -> str:
    """An SVG of shares on their own scale, largest first, the rest together; empty for an account without shares."""
    if not told.shares or told.base is None:
        return ""
    steps = [(_label(share), share.contribution) for share in told.shares[:MOST]]
    rest = sum(share.contribution for share in told.shares[MOST:])
    if told.shares[MOST:]:
        steps.append((f"{len(told.shares) - MOST} further inputs", rest))
    points = [told.base]
    for _, step in steps:
        points.append(points[-1] + step)
    low, high = min(points), max(points)
    span = (high - low) or 1.0

    def px(value: float) -> float:
        return round(LEFT + WIDTH * (value - low) / span, 1)

    height = ROW * (len(steps) + 3) + 8
    rows = [_bar(i, label, step, px(points[i]), px(points[i + 1])) for i, (label, step) in enumerate(steps)]
    start = f"Typical patient {percent(told.typical)}" if told.typical is not None else "Typical patient"
    end = f"This patient {percent(told.risk)}"
    rows.insert(0, _line(14, px(points[0]), start))
    rows.append(_line(ROW * (len(steps) + 1) + 14, px(points[-1]), end))
    rows.append(f'<text x="{LEFT}" y="{height - 8}">shares in {escape(told.scale)}; + raises, - lowers</text>')
    words = "; ".join(f"{label}: {step:+.2f}" for label, step in steps)
    note = f" Reasons of a surrogate (R2 {told.fidelity:.2f})." if told.fidelity is not None else ""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {LEFT + WIDTH + 70} {height}" role="img" '
        'aria-labelledby="w-title w-desc" font-family="sans-serif" font-size="12">'
        '<title id="w-title">What moved the risk</title>'
        f'<desc id="w-desc">{escape(f"{start}; {words} ({told.scale}); {end}.{note}")}</desc>{"".join(rows)}</svg>'
    )


def _label(share: Share) -> str:
    return f"{share.label} {quantity(share.value, share.unit)}{' (imputed)' if share.imputed else ''}"


def _line(y: float, x: float, text: str) -> str:
    return (
        f'<text x="{LEFT - 10}" y="{y + 4}" text-anchor="end" font-weight="bold">{escape(text)}</text>'
        f'<line x1="{x}" y1="{y - 8}" x2="{x}" y2="{y + 12}" stroke="#000" stroke-dasharray="3 2"/>'
    )


def _bar(index: int, label: str, step: float, start: float, end: float) -> str:
    y = ROW * (index + 1) + 6
    x, width = min(start, end), max(abs(end - start), 1.0)
    tip = 5 if step > 0 else -5
    short = label if len(label) <= 40 else f"{label[:39]}…"
    return (
        f'<text x="{LEFT - 10}" y="{y + 12}" text-anchor="end">{escape(short)}</text>'
        f'<rect x="{x}" y="{y}" width="{width:.1f}" height="16" fill="{RAISES if step > 0 else LOWERS}"/>'
        f'<path d="M{end} {y} l{tip} 8 l{-tip} 8 z" fill="{RAISES if step > 0 else LOWERS}"/>'
        f'<text x="{max(start, end) + 9:.1f}" y="{y + 12}">{step:+.2f}</text>'
    )


def page(told: Account, lines: tuple[str, ...], title: str) -> str:
    """The account as one page without outside references: picture, sentences, limits."""
    said = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f"<title>{escape(title)}</title><style>body{{font-family:sans-serif;max-width:46em;margin:2em auto}}"
        "li{margin:.3em 0}</style></head><body>"
        f"<h1>{escape(title)}</h1>{waterfall(told)}<ul>{said}</ul></body></html>\n"
    )
