//! Finds an OmniScope link in whatever was pasted, and says of which kind it is, and follows it.
import type { Engine } from "../doc/engine";

export type LinkKind = "invitation" | "device" | "recovery";

/** A link longer than this is not one of ours. */
const MAX_LINK = 8192;
const KINDS: Record<string, LinkKind> = { join: "invitation", device: "device", recover: "recovery" };

export function findLink(pasted: string): { link: string; kind: LinkKind } | null {
  const [found = "", word = ""] = /omniscope:\/\/(join|device|recover)#[A-Za-z0-9_\-.~=+/%]+/.exec(pasted) ?? [];
  const kind = KINDS[word];
  return kind && found.length <= MAX_LINK ? { link: found.replace(/[.]+$/, ""), kind } : null;
}

/** Follows a link of this kind: joins, adds this device, or recovers. */
export function follow(engine: Pick<Engine, "call">, kind: LinkKind, link: string, wait_ms: number): Promise<{ workspace: string; status: "member" | "pending"; code?: string }> {
  switch (kind) {
    case "invitation": return engine.call("join", { link, wait_ms });
    case "device": return engine.call("device.accept", { link, wait_ms });
    case "recovery": return engine.call("recovery.use", { recovery: link, wait_ms });
  }
}
