import { describe, expect, it } from "vitest";
import * as Y from "yjs";
import { MemoryBackend } from "../backend/memory";
import { OmniScopeProvider, type Refused, type Replaced } from "./provider";

const settle = () => new Promise((resolve) => setTimeout(resolve));

async function connected(backend = new MemoryBackend()) {
  const heard: string[] = [];
  const provider = new OmniScopeProvider(backend, "w", { connect: false });
  provider.on("status", ({ status }) => heard.push(status));
  provider.on("synced", (synced) => heard.push(synced ? "synced" : "not synced"));
  provider.connect();
  await settle();
  return { backend, provider, heard, handle: () => backend.open[0] ?? -1 };
}

const nameOf = (doc: Y.Doc) => doc.getMap("meta").get("name");

describe("the provider", () => {
  it("tells its status and when the whole state is in, as Yjs providers do", async () => {
    const { provider, heard } = await connected();
    expect(heard).toEqual(["connecting", "connected", "synced"]);
    provider.disconnect();
    expect(heard.slice(3)).toEqual(["not synced", "disconnected"]);
  });

  it("marks edits of others with itself as their origin and does not send them back", async () => {
    const { backend, provider } = await connected();
    const origins: unknown[] = [];
    provider.doc.on("update", (_: Uint8Array, origin: unknown) => origins.push(origin));
    backend.document("w").getMap("meta").set("name", "Cohort");
    expect(nameOf(provider.doc)).toBe("Cohort");
    expect(origins).toEqual([provider]);
    await settle();
    expect(backend.pushed).toHaveLength(0);
  });

  it("keeps one push in flight and the order of edits", async () => {
    const backend = new MemoryBackend();
    const landings: (() => void)[] = [];
    backend.flight = () => new Promise((resolve) => landings.push(() => resolve(undefined)));
    const { provider } = await connected(backend);
    for (const name of ["one", "two", "three"]) provider.doc.getMap("meta").set("name", name);
    expect(backend.pushed).toHaveLength(1);
    expect(provider.waiting).toBe(3);
    while (provider.waiting > 0) {
      landings.shift()?.();
      await settle();
    }
    expect(backend.pushed).toHaveLength(3);
    expect(nameOf(backend.document("w"))).toBe("three");
  });

  it("makes edits that were not durable again in the next session", async () => {
    const backend = new MemoryBackend();
    backend.durable = false;
    backend.gather = true;
    const { provider, handle } = await connected(backend);
    const replaced: Replaced[] = [];
    provider.on("reset", (next) => replaced.push(next));
    provider.doc.getMap("meta").set("name", "Mine");
    await settle();
    backend.gather = false;
    backend.durable = true;
    backend.reset(handle(), "rebuilt");
    await settle();
    expect(replaced).toMatchObject([{ reason: "rebuilt", lost: 0 }]);
    expect([nameOf(provider.doc), nameOf(backend.document("w")), provider.waiting]).toEqual(["Mine", "Mine", 0]);
  });

  it("hands out an edit that is refused again and again, and goes on without it", async () => {
    const { backend, provider } = await connected();
    const refused: Refused[] = [];
    provider.on("refused", (one) => refused.push(one));
    backend.judge = () => ({ code: "gate.too_large", message: "The edit is too large" });
    provider.doc.getMap("meta").set("name", "Mine");
    for (let turn = 0; turn < 5 && refused.length === 0; turn += 1) await settle();
    expect(refused).toMatchObject([{ code: "gate.too_large", content: [{ path: ["meta", "name"], value: { json: "Mine" } }] }]);
    expect(nameOf(provider.doc)).toBeUndefined();
    backend.judge = () => null;
    provider.doc.getMap("meta").set("name", "Better");
    await settle();
    expect(nameOf(backend.document("w"))).toBe("Better");
  });

  it("keeps what is written while it is disconnected", async () => {
    const { backend, provider } = await connected();
    provider.disconnect();
    provider.doc.getMap("meta").set("name", "Offline");
    expect(nameOf(backend.document("w"))).toBeUndefined();
    provider.connect();
    await settle();
    expect(nameOf(backend.document("w"))).toBe("Offline");
  });

  it("says good-bye to the others when it goes", async () => {
    const { backend, provider } = await connected();
    backend.show("w", { device: "b", instance: "1", state: { user: { name: "Ben" } } });
    expect(provider.awareness.getStates().size).toBe(2);
    provider.destroy();
    await settle();
    expect(backend.said.at(-1)).toBeNull();
    expect(backend.open).toEqual([]);
  });
});
