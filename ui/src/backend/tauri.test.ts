import { beforeEach, describe, expect, it, vi } from "vitest";
import * as Y from "yjs";
import { engineOver, type OpenDocument } from "../doc/engine";
import type { EngineEvent } from "./types";

type Sink = { onmessage: (message: unknown) => void };
const calls: { command: string; body: unknown }[] = [];
let documents: Sink[] = [];
let events: Sink | undefined;

vi.mock("@tauri-apps/api/core", () => ({
  Channel: class {
    onmessage: (message: unknown) => void = () => undefined;
  },
  invoke: (command: string, body: { channel?: Sink }) => {
    calls.push({ command, body });
    if (command === "events") events = body.channel;
    if (command === "document_open" && body.channel) documents.push(body.channel);
    return Promise.resolve(command === "document_open" ? { document: 7, client_id: 101, writable: true } : null);
  },
}));

const { tauriBackend } = await import("./tauri");
const tauriEngine = () => engineOver(tauriBackend());

const message = (kind: number, body: Uint8Array): ArrayBuffer => Uint8Array.of(kind, ...body).buffer;
const json = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
const pushes = () => calls.filter((one) => one.command === "document_push").map((one) => one.body as Uint8Array);

function remote(): Y.Doc {
  const doc = new Y.Doc({ gc: false });
  doc.clientID = 55;
  doc.getMap("meta").set("name", "Cohort");
  return doc;
}

async function opened(replaced: (next: OpenDocument, reason: string) => void = () => undefined) {
  const engine = tauriEngine();
  const opening = engine.open("w", replaced);
  await Promise.resolve();
  const doc = remote();
  documents[0]?.onmessage(message(0, Y.encodeStateAsUpdate(doc)));
  return { engine, remote: doc, document: await opening, channel: documents[0] as Sink };
}

describe("the provider over Tauri channels", () => {
  beforeEach(() => {
    calls.length = 0;
    documents = [];
    events = undefined;
  });

  it("writes under the client id it was given, without garbage collection", async () => {
    const { document } = await opened();
    expect(document.doc.clientID).toBe(101);
    expect(document.doc.gc).toBe(false);
    expect(document.doc.getMap("meta").get("name")).toBe("Cohort");
  });

  it("pushes own edits with the handle in front, and never what came from outside", async () => {
    const { document, channel, remote: other } = await opened();
    const before = Y.encodeStateVector(other);
    other.getMap("meta").set("license", "CC0");
    channel.onmessage(message(1, Y.encodeStateAsUpdate(other, before)));
    expect(document.doc.getMap("meta").get("license")).toBe("CC0");
    expect(pushes()).toHaveLength(0);
    document.doc.getMap("meta").set("name", "Mine");
    expect(pushes()).toHaveLength(1);
    const body = pushes()[0] as Uint8Array;
    expect(new DataView(body.buffer).getUint32(0, true)).toBe(7);
    Y.applyUpdate(other, body.subarray(4));
    expect(other.getMap("meta").get("name")).toBe("Mine");
  });

  it("hands over a fresh document under the new session on a reset", async () => {
    const seen: { next: OpenDocument; reason: string }[] = [];
    const { document, channel, remote: other } = await opened((next, reason) => seen.push({ next, reason }));
    channel.onmessage(message(2, json({ client_id: 202, reason: "an op became void" })));
    channel.onmessage(message(0, Y.encodeStateAsUpdate(other)));
    expect(seen).toHaveLength(1);
    expect(seen[0]?.reason).toBe("an op became void");
    expect(seen[0]?.next.doc).not.toBe(document.doc);
    expect(seen[0]?.next.doc.clientID).toBe(202);
    document.doc.getMap("meta").set("name", "too late");
    expect(pushes()).toHaveLength(0);
  });

  it("shows others in awareness and forgets them when they go", async () => {
    const { document, channel } = await opened();
    channel.onmessage(message(4, json({ device: "ab", instance: 1, state: { user: { name: "Ben" } } })));
    const others = () => [...document.awareness.getStates()].filter(([client]) => client !== document.awareness.clientID).map(([, state]) => state);
    expect(others()).toEqual([{ user: { name: "Ben", color: "#77766e", colorLight: "#77766e33" }, device: "ab" }]);
    channel.onmessage(message(4, json({ device: "ab", instance: 1, state: null })));
    expect(others()).toEqual([]);
  });

  it("tells of refused edits as a notice and forwards engine events", async () => {
    const { engine, channel, remote: other } = await opened();
    const heard: EngineEvent[] = [];
    engine.listen((event) => heard.push(event));
    for (let client = 202; client < 205; client += 1) {
      channel.onmessage(message(5, json({ code: "gate.too_large", message: "The edit is too large" })));
      channel.onmessage(message(2, json({ client_id: client, reason: "" })));
      channel.onmessage(message(0, Y.encodeStateAsUpdate(other)));
    }
    events?.onmessage({ event: "workspaces_changed" });
    expect(heard.map((event) => event.event).filter((name) => name !== "window_saved")).toEqual(["notice", "edit_refused", "workspaces_changed"]);
  });

  it("says nothing more once closed", async () => {
    const { document } = await opened();
    document.close();
    document.doc.getMap("meta").set("name", "late");
    expect(pushes()).toHaveLength(0);
    expect(calls.some((one) => one.command === "document_close")).toBe(true);
  });
});
