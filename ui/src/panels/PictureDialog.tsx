//! The pipeline as a picture: a preview, and a file in SVG or PNG.
import { type InternalNode, useReactFlow } from "@xyflow/react";
import { useEffect, useMemo, useState } from "react";
import { toast } from "sonner";
import { Button } from "../components/Button";
import { Dialog } from "../components/Dialog";
import { Segmented } from "../components/Segmented";
import { categoryOf, typeName } from "../graph/model/catalogue";
import type { GraphStore } from "../graph/model/GraphStore";
import { useSession } from "../graph/model/session";
import { type PictureCard, type PictureNote, pictureOf, type PictureWire } from "../graph/picture";
import { text } from "../text";
import { messageOf, useEngine } from "./engine";

/** Pixels per flow unit in a PNG, as long as the picture stays below the largest canvas that views draw. */
const SCALE = 2;
const MAX_PIXELS = 8_192;
const CARD = [208, 58] as const;

type Format = "svg" | "png";

export function PictureDialog({ name, onClose }: { name: string; onClose: () => void }) {
  const engine = useEngine();
  const { graph } = useSession();
  const { getInternalNode } = useReactFlow();
  const [format, setFormat] = useState<Format>("svg");
  const [busy, setBusy] = useState(false);
  const picture = useMemo(() => draw(graph, getInternalNode), [graph, getInternalNode]);
  const [url, setUrl] = useState<string | null>(null);
  useEffect(() => {
    if (!picture) return;
    const made = URL.createObjectURL(new Blob([picture.svg], { type: "image/svg+xml" }));
    setUrl(made);
    return () => URL.revokeObjectURL(made);
  }, [picture]);
  const t = text.picture;
  const save = async () => {
    if (!picture || !url) return;
    setBusy(true);
    try {
      const bytes = format === "svg" ? new TextEncoder().encode(picture.svg) : await rastered(url, picture.width, picture.height);
      const path = await engine.saveFile(`${name}.${format}`, bytes);
      toast.success(text.exporting.saved, { description: path });
      onClose();
    } catch (error) {
      toast.error(messageOf(error));
      setBusy(false);
    }
  };
  return (
    <Dialog open onClose={onClose} title={t.title} text={t.text} width={620} closeLabel={text.close} testId="picture-dialog" footer={<Button kind="primary" disabled={!picture || busy} data-testid="picture-save" onClick={() => void save()}>{t.save}</Button>}>
      <div><Segmented label={t.format} value={format} testId="picture-format" options={[{ value: "svg", label: t.formats.svg }, { value: "png", label: t.formats.png }]} onChange={setFormat} /></div>
      {url ? <img className="picture" src={url} alt={t.preview} data-testid="picture-preview" /> : <p className="muted">{t.empty}</p>}
    </Dialog>
  );
}

function draw(graph: GraphStore, find: (id: string) => InternalNode | undefined) {
  const style = getComputedStyle(document.documentElement);
  const colour = (variable: string) => style.getPropertyValue(variable).trim();
  const box = (id: string, pos: readonly [number, number]) => {
    const measured = find(id)?.measured;
    return { id, x: pos[0], y: pos[1], width: measured?.width ?? CARD[0], height: measured?.height ?? CARD[1] };
  };
  const cards: PictureCard[] = [...graph.nodes().values()].map((node) => {
    const category = categoryOf(node.type, node.ports);
    const kind = typeName(node.type);
    return { ...box(node.id, node.pos), label: node.label, sub: kind === node.label ? text.category[category] : kind, color: colour(`--cat-${category}`), disabled: node.disabled };
  });
  const notes: PictureNote[] = [...graph.stickies().values()].map((note) => ({ id: note.id, x: note.pos[0], y: note.pos[1], width: note.size[0], height: note.size[1], text: note.text, color: colour(`--sticky-${["blue", "green", "pink", "grey"].includes(note.color) ? note.color : "yellow"}`) }));
  const byId = new Map(cards.map((card) => [card.id, card]));
  const wires = [...graph.edges().values()].flatMap((edge): PictureWire[] => {
    const [from, to] = [byId.get(edge.source), byId.get(edge.target)];
    if (!from || !to) return [];
    return [{ from: port(from, "source", edge.sourcePort, find), to: port(to, "target", edge.targetPort, find) }];
  });
  return pictureOf(cards, notes, wires, { paper: colour("--canvas"), card: colour("--raised"), line: colour("--edge"), wire: colour("--edge"), ink: colour("--ink"), faint: colour("--ink-3") });
}

/** Where a port stands on its card; the middle of the side for a port that is folded away or not measured yet. */
function port(card: PictureCard, kind: "source" | "target", name: string, find: (id: string) => InternalNode | undefined): [number, number] {
  const handle = find(card.id)?.internals.handleBounds?.[kind]?.find((one) => one.id === name);
  const x = card.x + (kind === "source" ? card.width : 0);
  return [x, handle ? card.y + handle.y + handle.height / 2 : card.y + card.height / 2];
}

async function rastered(url: string, width: number, height: number): Promise<Uint8Array> {
  const image = new Image();
  image.src = url;
  await image.decode();
  const scale = Math.min(SCALE, MAX_PIXELS / width, MAX_PIXELS / height);
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [Math.round(width * scale), Math.round(height * scale)];
  canvas.getContext("2d")?.drawImage(image, 0, 0, canvas.width, canvas.height);
  const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, "image/png"));
  if (!blob) throw new Error(text.picture.failed);
  return new Uint8Array(await blob.arrayBuffer());
}
