//! The small map: every step as a spot of its colour, and the frame of what is in view. The spots are painted when steps change; a pan moves the frame alone.
import { type Node, Panel, useReactFlow, useStore } from "@xyflow/react";
import { memo, type PointerEvent, useEffect, useMemo, useRef } from "react";
import { text } from "../text";
import { type Box, mapOnto, type Mapping } from "./geometry";
import { categoryAt } from "./model/catalogue";
import { useSession } from "./model/session";

const SIZE = [168, 108] as const;
const PAD = 8;
const CARD = [208, 58] as const;

export const Overview = memo(function Overview() {
  const { graph } = useSession();
  const flow = useReactFlow();
  const nodes = useStore((state) => state.nodes);
  const canvas = useRef<HTMLCanvasElement>(null);
  const boxes = useMemo(() => nodes.map(boxOf), [nodes]);
  const mapping = useMemo(() => mapOnto(boxes, ...SIZE, PAD), [boxes]);
  useEffect(() => {
    const paint = () => {
      const pen = canvas.current?.getContext("2d");
      if (!pen || !mapping) return;
      const style = getComputedStyle(document.documentElement);
      const ratio = window.devicePixelRatio || 1;
      [pen.canvas.width, pen.canvas.height] = [SIZE[0] * ratio, SIZE[1] * ratio];
      pen.scale(ratio, ratio);
      const inks = new Map<string, string>();
      const ink = (name: string): string => inks.get(name) ?? inks.set(name, style.getPropertyValue(name)).get(name) ?? "";
      for (const [index, box] of boxes.entries()) {
        pen.fillStyle = ink(nodes[index]?.type === "step" ? `--cat-${categoryAt(graph, box.id)}` : "--line-strong");
        pen.fillRect(mapping.x + box.x * mapping.scale, mapping.y + box.y * mapping.scale, Math.max(2, box.width * mapping.scale), Math.max(1.5, box.height * mapping.scale));
      }
    };
    paint();
    const theme = new MutationObserver(paint);
    theme.observe(document.documentElement, { attributeFilter: ["data-theme"] });
    return () => theme.disconnect();
  }, [graph, nodes, boxes, mapping]);
  if (!mapping) return null;
  const go = (event: PointerEvent<HTMLDivElement>) => {
    if (event.buttons !== 1) return;
    const place = event.currentTarget.getBoundingClientRect();
    event.currentTarget.setPointerCapture(event.pointerId);
    void flow.setCenter((event.clientX - place.x - mapping.x) / mapping.scale, (event.clientY - place.y - mapping.y) / mapping.scale, { zoom: flow.getZoom() });
  };
  return (
    <Panel position="bottom-right" className="overview">
      <div role="img" aria-label={text.canvas.minimap} style={{ width: SIZE[0], height: SIZE[1] }} onPointerDown={go} onPointerMove={go} onWheel={(event) => void (event.deltaY < 0 ? flow.zoomIn() : flow.zoomOut())}>
        <canvas ref={canvas} style={{ width: SIZE[0], height: SIZE[1] }} />
        <View mapping={mapping} />
      </div>
    </Panel>
  );
});

/** What is in view; at the edge of the map when that lies beyond it. */
function View({ mapping }: { mapping: Mapping }) {
  const [x, y, zoom] = useStore((state) => state.transform);
  const width = useStore((state) => state.width);
  const height = useStore((state) => state.height);
  const span = (from: number, length: number, origin: number, size: number) => {
    const start = origin + (-from / zoom) * mapping.scale;
    const low = Math.max(0, Math.min(size - 4, start));
    return [low, Math.max(4, Math.min(size, start + (length / zoom) * mapping.scale) - low)] as const;
  };
  const [left, across] = span(x, width, mapping.x, SIZE[0]);
  const [top, down] = span(y, height, mapping.y, SIZE[1]);
  return <span className="overview__view" style={{ transform: `translate(${left}px, ${top}px)`, width: across, height: down }} />;
}

function boxOf(node: Node): Box {
  return { id: node.id, ...node.position, width: node.measured?.width ?? node.width ?? CARD[0], height: node.measured?.height ?? node.height ?? CARD[1] };
}
