//! Everything that one can do here, found by typing: commands, steps of the pipeline, other workspaces.
import * as Radix from "@radix-ui/react-dialog";
import { Command } from "cmdk";
import { type ReactNode, useState } from "react";
import { categoryAt } from "../graph/model/catalogue";
import { notesOf } from "../graph/model/edits";
import { search } from "../graph/model/search";
import { useGraph, useSession } from "../graph/model/session";
import { useCanvas } from "../graph/model/uiState";
import { text } from "../text";

export interface MenuCommand { id: string; title: string; group: keyof typeof text.commands.groups; keys?: string; words?: string; icon?: ReactNode; run: () => void }

const GROUPS = ["edit", "add", "view", "workspace", "open"] as const;

export function CommandMenu({ commands }: { commands: readonly MenuCommand[] }) {
  const mode = useCanvas((state) => state.commands);
  const close = () => useCanvas.getState().set({ commands: null });
  return (
    <Radix.Root open={mode !== null} onOpenChange={(open) => !open && close()}>
      <Radix.Portal>
        <Radix.Overlay className="scrim" />
        <Radix.Content className="palette" aria-describedby={undefined} data-testid="command-menu" onCloseAutoFocus={(event) => event.preventDefault()}>
          <Radix.Title className="visually-hidden">{text.commands.title}</Radix.Title>
          {mode && <Menu commands={mode === "all" ? commands : []} find={mode === "find"} onClose={close} />}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}

function Menu({ commands, find, onClose }: { commands: readonly MenuCommand[]; find: boolean; onClose: () => void }) {
  const { doc, graph } = useSession();
  const nodes = useGraph((graph) => graph.nodes());
  const stickies = useGraph((graph) => graph.stickies());
  const [typed, setTyped] = useState("");
  const hits = search(nodes.values(), stickies.values(), typed, (id) => notesOf(doc, id)?.toString() ?? "");
  const words = typed.toLowerCase().split(/\s+/).filter(Boolean);
  // Kinds of steps are offered once something is typed; before that the palette is the place to choose from.
  const fitting = commands.filter((one) => (one.group !== "add" || words.length > 0) && words.every((word) => `${one.title} ${one.words ?? ""}`.toLowerCase().includes(word)));
  const run = (work: () => void) => {
    onClose();
    // After the menu has given the focus back, so that what opens next keeps it.
    requestAnimationFrame(work);
  };
  return (
    <Command label={text.commands.title} shouldFilter={false} loop>
      <Command.Input className="palette__input" placeholder={find ? text.commands.find : text.commands.search} autoFocus value={typed} onValueChange={setTyped} data-testid="command-input" />
      <Command.List className="palette__list">
        <Command.Empty>{find && !typed ? text.commands.findHint : text.commands.none}</Command.Empty>
        {hits.length > 0 && (
          <Command.Group heading={text.commands.groups.steps}>
            {hits.map((hit) => (
              <Command.Item key={hit.id} value={`step ${hit.id}`} data-testid="command-hit" data-node={hit.id} onSelect={() => run(() => useCanvas.getState().set({ goTo: [hit.id] }))}>
                <span className="dot" style={{ background: nodes.has(hit.id) ? `var(--cat-${categoryAt(graph, hit.id)})` : "var(--ink-3)" }} />
                <span className="truncate">{hit.title || text.canvas.sticky}</span>
                <span className="palette__meta truncate">{hit.detail === hit.title ? "" : hit.detail}</span>
              </Command.Item>
            ))}
          </Command.Group>
        )}
        {GROUPS.map((group) => {
          const some = fitting.filter((one) => one.group === group);
          return some.length > 0 && (
            <Command.Group key={group} heading={text.commands.groups[group]}>
              {some.map((one) => (
                <Command.Item key={one.id} value={one.id} data-testid={`command-${one.id}`} onSelect={() => run(one.run)}>
                  <span className="palette__icon">{one.icon}</span>
                  <span className="truncate">{one.title}</span>
                  {one.keys && <span className="palette__keys">{one.keys.split(" ").map((key) => <span className="kbd" key={key}>{key}</span>)}</span>}
                </Command.Item>
              ))}
            </Command.Group>
          );
        })}
      </Command.List>
    </Command>
  );
}
