// @vitest-environment happy-dom
//! Another editor wrapped in `CollaborativeEditor` and `useCollaboration`, exactly as docs/collaborative-editor.md shows it.
import { readFileSync } from "node:fs";
import { act, useEffect, useState } from "react";
import { createRoot } from "react-dom/client";
import { expect, test } from "vitest";
import * as Y from "yjs";
import { MemoryBackend } from "../backend/memory";
import { engineOver } from "../doc/engine";
import { useCollaboration } from "../hooks/useCollaboration";
import { EngineContext } from "../panels/engine";
import { CollaborativeEditor } from "./CollaborativeEditor";

// begin
function SharedDescription({ workspace, onStateChange }: { workspace: string; onStateChange?: (update: Uint8Array, own: boolean) => void }) {
  const collaboration = useCollaboration(workspace);
  const { session, users, problem } = collaboration;
  return (
    <CollaborativeEditor collaboration={collaboration} onStateChange={onStateChange} trackPointer>
      {problem && <p role="alert">{problem}</p>}
      {session && <Description meta={session.doc.getMap("meta")} writable={session.writable} />}
      <p>{users.map((one) => one.name).join(", ")}</p>
    </CollaborativeEditor>
  );
}

function Description({ meta, writable }: { meta: Y.Map<unknown>; writable: boolean }) {
  const [value, setValue] = useState(String(meta.get("description") ?? ""));
  useEffect(() => {
    const read = () => setValue(String(meta.get("description") ?? ""));
    meta.observe(read);
    return () => meta.unobserve(read);
  }, [meta]);
  return <textarea value={value} disabled={!writable} onChange={(event) => meta.set("description", event.target.value)} />;
}
// end

(globalThis as { IS_REACT_ACT_ENVIRONMENT?: boolean }).IS_REACT_ACT_ENVIRONMENT = true;
const settled = () => act(() => new Promise((resolve) => setTimeout(resolve, 60)));

async function show(backend: MemoryBackend, onStateChange?: (update: Uint8Array, own: boolean) => void) {
  const place = document.createElement("div");
  const root = createRoot(place);
  act(() => root.render(<EngineContext.Provider value={engineOver(backend)}><SharedDescription workspace="w" onStateChange={onStateChange} /></EngineContext.Provider>));
  await settled();
  return { place, root, area: () => place.querySelector("textarea") as HTMLTextAreaElement };
}

test("own edits go out, those of others come in, and both are reported", async () => {
  const backend = new MemoryBackend();
  const heard: boolean[] = [];
  const { place, root, area } = await show(backend, (_, own) => heard.push(own));
  act(() => {
    Object.getOwnPropertyDescriptor(HTMLTextAreaElement.prototype, "value")?.set?.call(area(), "counts per gene");
    area().dispatchEvent(new Event("input", { bubbles: true }));
  });
  await settled();
  expect(backend.document("w").getMap("meta").get("description")).toBe("counts per gene");
  act(() => void backend.document("w").getMap("meta").set("description", "counts per transcript"));
  await settled();
  expect(area().value).toBe("counts per transcript");
  expect(heard).toEqual([true, false]);
  act(() => backend.show("w", { device: "b", instance: "1", state: { name: "Ben", user: {} } }));
  await settled();
  expect(place.textContent).toContain("Ben");
  act(() => root.unmount());
  expect(backend.open).toEqual([]);
});

test("a viewer's editor is closed", async () => {
  const { area, root } = await show(new MemoryBackend({ writable: false }));
  expect(area().disabled).toBe(true);
  act(() => root.unmount());
});

test("the page in docs shows this very code", () => {
  const own = readFileSync("src/collaboration/SharedDescription.test.tsx", "utf8");
  const page = readFileSync("../docs/collaborative-editor.md", "utf8");
  const code = own.slice(own.indexOf("// begin\n") + 9, own.indexOf("// end\n"));
  expect(code.length).toBeGreaterThan(500);
  expect(page).toContain(code);
});
