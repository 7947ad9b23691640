//! Which members of a workspace are recovery keys that were made on this computer. The log does not tell them from people
//! who have not come yet, so the window remembers them; what is kept is their public names.

const KEY = "omniscope.recovery.";
/** More than anybody keeps safe. */
const MAX_KEYS = 16;

export function madeKeys(workspace: string): string[] {
  return (localStorage.getItem(KEY + workspace) ?? "").split(" ").filter(Boolean);
}

export function rememberKey(workspace: string, device: string) {
  localStorage.setItem(KEY + workspace, [...madeKeys(workspace), device].slice(-MAX_KEYS).join(" "));
}
