//! Finds an OmniScope link in whatever was pasted, and says of which kind it is. Pure.

export type LinkKind = "invitation" | "device" | "recovery";

/** A link longer than this is not one of ours. */
const MAX_LINK = 8192;
const KINDS: Record<string, LinkKind> = { join: "invitation", device: "device", recover: "recovery" };

export function findLink(pasted: string): { link: string; kind: LinkKind } | null {
  const [found = "", word = ""] = /omniscope:\/\/(join|device|recover)#[A-Za-z0-9_\-.~=+/%]+/.exec(pasted) ?? [];
  const kind = KINDS[word];
  return kind && found.length <= MAX_LINK ? { link: found.replace(/[.]+$/, ""), kind } : null;
}

/** The verb that follows a link of this kind, and its parameters. */
export function followBy(kind: LinkKind, link: string, wait_ms: number): [method: string, params: Record<string, unknown>] {
  switch (kind) {
    case "invitation": return ["join", { link, wait_ms }];
    case "device": return ["device.accept", { link, wait_ms }];
    case "recovery": return ["recovery.use", { recovery: link, wait_ms }];
  }
}
