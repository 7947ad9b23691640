//! The searchable palette: known step types, the generic step and every tool already in the workspace.
import * as Radix from "@radix-ui/react-dialog";
import { Command } from "cmdk";
import { useMemo } from "react";
import { text } from "../text";
import type { Point } from "./geometry";
import { categoryOf, STEP_TYPES, type StepType, stepType, typeName } from "./model/catalogue";
import { useGraph } from "./model/session";
import { useCanvas } from "./model/uiState";

const ORDER = ["data", "prepare", "quality", "integrate", "model", "view", "tool"] as const;

export function StepPalette({ onPick }: { onPick: (step: StepType, at: Point | null) => void }) {
  const at = useCanvas((state) => state.paletteAt);
  const nodes = useGraph((graph) => graph.nodes());
  const tools = useMemo(() => {
    if (!at) return [];
    const seen = new Map<string, StepType>();
    for (const node of nodes.values()) {
      if (stepType(node.type) || seen.has(node.type)) continue;
      seen.set(node.type, { type: node.type, label: typeName(node.type), category: categoryOf(node.type, node.ports), inputs: node.ports?.inputs ?? [{ name: "in" }], outputs: node.ports?.outputs ?? [{ name: "out" }] });
    }
    return [...seen.values()].sort((a, b) => a.label.localeCompare(b.label));
  }, [at, nodes]);
  const close = () => useCanvas.getState().set({ paletteAt: null });
  const pick = (step: StepType) => {
    onPick(step, at && at !== "centre" ? [at.x, at.y] : null);
    close();
  };
  const item = (step: StepType) => (
    <Command.Item key={step.type} value={step.type} keywords={[step.label, step.words ?? "", text.category[step.category]]} onSelect={() => pick(step)} data-testid={`palette-${step.type}`}>
      <span className="dot" style={{ background: `var(--cat-${step.category})` }} />
      <span className="truncate">{step.label}</span>
      <span className="palette__meta truncate">{step.type.split("/").pop()}</span>
    </Command.Item>
  );
  return (
    <Radix.Root open={at !== null} onOpenChange={(open) => !open && close()}>
      <Radix.Portal>
        <Radix.Overlay className="scrim" />
        <Radix.Content className="palette" aria-describedby={undefined}>
          <Radix.Title className="visually-hidden">{text.canvas.addStep}</Radix.Title>
          <Command label={text.canvas.addStep} filter={matches}>
            <Command.Input className="palette__input" placeholder={text.canvas.search} autoFocus data-testid="palette-input" />
            <Command.List className="palette__list">
              <Command.Empty>{text.canvas.noStep}</Command.Empty>
              {ORDER.map((category) => <Command.Group key={category} heading={text.category[category]}>{STEP_TYPES.filter((step) => step.category === category).map(item)}</Command.Group>)}
              {tools.length > 0 && <Command.Group heading={text.canvas.inWorkspace}>{tools.map(item)}</Command.Group>}
            </Command.List>
          </Command>
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}

/** Every typed word must occur; a word that begins the name ranks first. */
function matches(value: string, search: string, keywords: string[] = []): number {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  const name = (keywords[0] ?? value).toLowerCase();
  const all = `${value} ${keywords.join(" ")}`.toLowerCase();
  if (!words.every((word) => all.includes(word))) return 0;
  return words.some((word) => name.startsWith(word)) ? 1 : words.every((word) => name.includes(word)) ? 0.8 : 0.5;
}
