//! Finds an invitation link in whatever was pasted, and writes the message that goes with one. Pure.

/** A link longer than this is not one of ours. */
const MAX_LINK = 8192;

export function findLink(pasted: string): string | null {
  const found = /omniscope:\/\/join#[A-Za-z0-9_\-.~=+/%]+/.exec(pasted)?.[0];
  return found && found.length <= MAX_LINK ? found.replace(/[.]+$/, "") : null;
}
