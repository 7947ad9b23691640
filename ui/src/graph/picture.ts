//! The pipeline as an SVG picture, from boxes and colours. Pure; every word of a document is escaped. Deliberately absent: pointers, selections, anything of the moment.
import { bounds, type Box } from "./geometry";

export interface PictureCard extends Box { label: string; sub: string; color: string; disabled: boolean }
export interface PictureNote extends Box { text: string; color: string }
export interface PictureWire { from: [x: number, y: number]; to: [x: number, y: number] }
export interface Ink { paper: string; card: string; line: string; wire: string; ink: string; faint: string }

const PAD = 40;
const NOTE_LINE = 18;
/** Characters that fit a card's name; a picture has no tooltip to show the rest. */
const MAX_LABEL = 28;

/** Escapes what is markup and leaves out the characters that XML cannot hold at all. */
export const escapeXml = (text: string): string =>
  text.replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g, "").replace(/[&<>"']/g, (one) => `&#${one.charCodeAt(0)};`);

const cut = (text: string, limit: number): string => ([...text].length > limit ? `${[...text].slice(0, limit - 1).join("")}…` : text);
const n = (value: number): string => String(Math.round(value * 10) / 10);

/** Draws everything; null when there is nothing. */
export function pictureOf(cards: readonly PictureCard[], notes: readonly PictureNote[], wires: readonly PictureWire[], ink: Ink): { svg: string; width: number; height: number } | null {
  const frame = bounds([...cards, ...notes]);
  if (!frame) return null;
  const [width, height] = [Math.ceil(frame.width + 2 * PAD), Math.ceil(frame.height + 2 * PAD)];
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="${n(frame.x - PAD)} ${n(frame.y - PAD)} ${width} ${height}" font-family="Inter, system-ui, sans-serif">`,
    `<rect x="${n(frame.x - PAD)}" y="${n(frame.y - PAD)}" width="${width}" height="${height}" fill="${ink.paper}"/>`,
    ...notes.map(drawNote.bind(null, ink)),
    ...wires.map(({ from, to }) => {
      const bend = Math.max(30, Math.abs(to[0] - from[0]) / 2);
      return `<path d="M${n(from[0])} ${n(from[1])}C${n(from[0] + bend)} ${n(from[1])} ${n(to[0] - bend)} ${n(to[1])} ${n(to[0])} ${n(to[1])}" fill="none" stroke="${ink.wire}" stroke-width="1.5"/>`;
    }),
    ...cards.map(drawCard.bind(null, ink)),
    "</svg>",
  ];
  return { svg: parts.join("\n"), width, height };
}

function drawCard(ink: Ink, card: PictureCard): string {
  const { x, y, width, height } = card;
  return [
    `<g${card.disabled ? ' opacity="0.5"' : ""}>`,
    `<rect x="${n(x)}" y="${n(y)}" width="${n(width)}" height="${n(height)}" rx="8" fill="${ink.card}" stroke="${ink.line}"/>`,
    `<rect x="${n(x)}" y="${n(y + 6)}" width="3" height="${n(height - 12)}" rx="1.5" fill="${card.color}"/>`,
    `<text x="${n(x + 14)}" y="${n(y + 22)}" font-size="13" font-weight="600" fill="${ink.ink}">${escapeXml(cut(card.label, MAX_LABEL))}</text>`,
    card.sub ? `<text x="${n(x + 14)}" y="${n(y + 40)}" font-size="11" fill="${ink.faint}">${escapeXml(cut(card.sub, MAX_LABEL + 6))}</text>` : "",
    "</g>",
  ].join("");
}

function drawNote(ink: Ink, note: PictureNote): string {
  const room = Math.max(1, Math.floor((note.height - 16) / NOTE_LINE));
  const perLine = Math.max(8, Math.floor((note.width - 24) / 6.2));
  const lines = wrap(note.text, perLine).slice(0, room);
  const text = lines.map((line, index) => `<tspan x="${n(note.x + 12)}" y="${n(note.y + 22 + index * NOTE_LINE)}">${escapeXml(line)}</tspan>`).join("");
  return `<g><rect x="${n(note.x)}" y="${n(note.y)}" width="${n(note.width)}" height="${n(note.height)}" rx="6" fill="${note.color}"/><text font-size="12" fill="${ink.ink}">${text}</text></g>`;
}

function wrap(text: string, limit: number): string[] {
  return text.split("\n").flatMap((line) => {
    const lines = [""];
    for (const word of line.split(" ")) {
      const last = lines[lines.length - 1] ?? "";
      if (last && last.length + word.length + 1 > limit) lines.push(word);
      else lines[lines.length - 1] = last ? `${last} ${word}` : word;
    }
    return lines;
  });
}
