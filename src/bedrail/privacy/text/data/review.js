"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const byId = (id) => document.getElementById(id);
const colours = {};
data.labels.forEach((label, n) => { colours[label] = `hsl(${Math.round((n * 137.5) % 360)} 80% 82%)`; });
const state = data.notes.map((note) => ({ note, signs: Array.from(note.text), rejected: new Set(), added: [], read: false }));
let at = 0;

const key = (mark) => `${mark.start} ${mark.end} ${mark.label}`;

function marksOf(one) {
  const found = one.note.spans.map((span) => ({ ...span, rejected: one.rejected.has(key(span)) }));
  return [...found, ...one.added.map((mark) => ({ ...mark, added: true }))]
    .sort((a, b) => a.start - b.start || (a.rejected ? -1 : 0));
}

function piece(one, start, end) {
  const span = document.createElement("span");
  span.dataset.start = start;
  span.textContent = one.signs.slice(start, end).join("");
  return span;
}

function markElement(one, mark) {
  const element = document.createElement("mark");
  element.tabIndex = 0;
  element.setAttribute("role", "button");
  element.className = mark.added ? "added" : mark.rejected ? "rejected" : "";
  const strength = mark.confidence === undefined ? 1 : mark.confidence;
  element.style.background = colours[mark.label];
  element.style.opacity = mark.rejected ? 1 : 0.45 + 0.55 * strength;
  element.title = mark.added ? `${mark.label}, added by you` : `${mark.label}, confidence ${strength.toFixed(2)}`;
  element.append(piece(one, mark.start, mark.end));
  const label = document.createElement("small");
  label.textContent = mark.added ? mark.label : `${mark.label} ${strength.toFixed(2)}`;
  element.append(label);
  const turn = () => {
    if (mark.added) one.added = one.added.filter((other) => key(other) !== key(mark));
    else if (one.rejected.has(key(mark))) one.rejected.delete(key(mark));
    else one.rejected.add(key(mark));
    show();
  };
  element.addEventListener("click", () => { if (String(getSelection()) === "") turn(); });
  element.addEventListener("keydown", (event) => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); turn(); } });
  return element;
}

function show() {
  const one = state[at];
  const parts = [];
  let here = 0;
  for (const mark of marksOf(one)) {
    if (mark.start < here) continue;
    parts.push(piece(one, here, mark.start), markElement(one, mark));
    here = mark.end;
  }
  parts.push(piece(one, here, one.signs.length));
  byId("note").replaceChildren(...parts);
  byId("written").textContent = one.note.written;
  const read = state.filter((each) => each.read).length;
  byId("place").textContent = `Note ${at + 1} of ${state.length}, ${read} read, risk ${one.note.risk.toFixed(2)}`;
}

function offset(node, within) {
  const holder = node.nodeType === Node.TEXT_NODE ? node.parentElement : node;
  if (holder.dataset.start === undefined) return null;
  return Number(holder.dataset.start) + Array.from((node.data || "").slice(0, within)).length;
}

function add() {
  const selection = getSelection();
  if (!selection.rangeCount || selection.isCollapsed) return;
  const range = selection.getRangeAt(0);
  const start = offset(range.startContainer, range.startOffset);
  const end = offset(range.endContainer, range.endOffset);
  if (start === null || end === null || start >= end) return;
  const one = state[at];
  const label = byId("label").value;
  for (const span of one.note.spans) if (span.start < end && start < span.end) one.rejected.add(key(span));
  one.added = one.added.filter((other) => other.end <= start || end <= other.start);
  const same = one.note.spans.find((span) => key(span) === key({ start, end, label }));
  if (same) one.rejected.delete(key(same));
  else one.added.push({ start, end, label });
  selection.removeAllRanges();
  show();
}

function corrections() {
  const plain = ({ start, end, label }) => ({ start, end, label });
  const notes = state.filter((one) => one.read).map((one) => ({
    id: one.note.id,
    accepted: one.note.spans.filter((span) => !one.rejected.has(key(span))).map(plain),
    rejected: one.note.spans.filter((span) => one.rejected.has(key(span))).map(plain),
    added: one.added.map(plain),
  }));
  return { format: "bedrail-corrections/1", picked: data.picked, of: data.of, seed: data.seed, notes };
}

function save() {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([JSON.stringify(corrections())], { type: "application/json" }));
  link.download = "corrections.json";
  link.click();
  URL.revokeObjectURL(link.href);
}

function next() {
  state[at].read = true;
  at = Math.min(at + 1, state.length - 1);
  show();
}

function back() {
  at = Math.max(at - 1, 0);
  show();
}

for (const label of data.labels) byId("label").append(new Option(label, label));
byId("add").addEventListener("click", add);
byId("next").addEventListener("click", next);
byId("back").addEventListener("click", back);
byId("save").addEventListener("click", save);
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.tagName === "SELECT") return;
  const act = { n: next, b: back, m: add, s: save }[event.key];
  if (act) { event.preventDefault(); act(); }
});
show();
