//! What crosses between the page and the program behind it, generated from the Rust types.
//! To renew it: OMNISCOPE_WRITE_TYPES=1 cargo test --workspace --bin omniscope-desktop types

/**
 * The error of every command.
 */
export type CommandError = { 
/**
 * Stable, lower-case, words joined by underscores.
 */
code: string, 
/**
 * What went wrong and what was expected.
 */
message: string, };

/**
 * A document that was opened.
 */
export type Opened = { 
/**
 * Its handle.
 */
document: number, 
/**
 * The Yjs client id to write under.
 */
client_id: number, 
/**
 * Whether edits count.
 */
writable: boolean, };

/**
 * The document was replaced: a new one with this client id is to be filled from the state that follows.
 */
export type Reset = { client_id: number, reason: string, };

/**
 * What one instance of a device shows of its person. The state is JSON that the instance made: a reader believes no
 * field of it but those that the engine adds, `device`, `name`, `color`, `instance` and `status`.
 */
export type Shown = { 
/**
 * The device.
 */
device: string, 
/**
 * Which window or peer of that device.
 */
instance: string, 
/**
 * What it shows; `None` once it is gone.
 */
state: Record<string, unknown> | null, };

/**
 * Who a device is to the members of a workspace.
 */
export type Person = { 
/**
 * Its id.
 */
device: string, 
/**
 * As it calls itself, else a name made of its id.
 */
name: string, 
/**
 * `#rrggbb`, told apart from those of the others.
 */
color: string, };

/**
 * How a member's device is reached, and how far it is in the log.
 */
export type Peer = { 
/**
 * `lan`, `direct` or `relayed`.
 */
path: string, 
/**
 * Ops of the log here that it is not known to have.
 */
behind: number, 
/**
 * Whether it has ops that are not here.
 */
ahead: boolean, 
/**
 * Time there and back, where it was measured.
 */
latency_ms: number | null, 
/**
 * When it last said anything, as RFC 3339 in UTC.
 */
last_heard: string, 
/**
 * Its id.
 */
device: string, 
/**
 * As it calls itself, else a name made of its id.
 */
name: string, 
/**
 * `#rrggbb`, told apart from those of the others.
 */
color: string, };

/**
 * Where this device stands in a workspace.
 */
export type Status = "pending" | "arriving" | "member" | "removed" | "closed";

/**
 * What a join waits for.
 */
export type Waits = { 
/**
 * Stable, lower-case, words joined by underscores.
 */
code: string, 
/**
 * The same in words.
 */
message: string, };

/**
 * One workspace in the list.
 */
export type Summary = { 
/**
 * Its id.
 */
workspace: string, 
/**
 * Its name; the one in the link while it waits.
 */
name: string, 
/**
 * What it is for.
 */
description: string, 
/**
 * This device's role.
 */
role: "owner" | "editor" | "viewer" | "none", 
/**
 * The senior owner; who made the link while it waits.
 */
owner: Person | null, 
/**
 * When it was founded, as RFC 3339 in UTC; `None` while it waits.
 */
created: string | null, 
/**
 * When the last edit came in here, as RFC 3339 in UTC; `None` while it waits.
 */
updated: string | null, 
/**
 * How many persons are members.
 */
members: number, 
/**
 * How many devices of members are here now, this one included.
 */
online: number, 
/**
 * Where this device stands.
 */
status: Status, 
/**
 * Ops of this device that no other member is known to have.
 */
unsent: number, 
/**
 * Whether everything is on this computer's disk.
 */
saved: boolean, 
/**
 * Edits of others since a window here showed it last, at most `MAX_UNREAD`.
 */
unread: number, 
/**
 * Bytes of its log on this computer.
 */
bytes: number, 
/**
 * The version of a newer OmniScope by which it was edited: it can be read only here.
 */
newer_version: number | null, 
/**
 * What a join waits for.
 */
waits: Waits | null, };

/**
 * One thing and a name for people: a label, the ends of an edge, the first line of a sticky note.
 */
export type Item = { id: string, title: string, };

/**
 * One field, e.g. `label`, `notes` or `params.threads`; a side where the field is missing is absent.
 */
export type FieldChange = { field: string, before?: unknown, after?: unknown, };

/**
 * One thing whose fields differ.
 */
export type Changed = { id: string, title: string, fields: Array<FieldChange>, };

/**
 * Things of one kind that came, went or changed.
 */
export type Changes = { added: Array<Item>, removed: Array<Item>, changed: Array<Changed>, };

/**
 * The differences, by kind of thing; ids in order.
 */
export type Diff = { nodes: Changes, edges: Changes, stickies: Changes, groups: Changes, comments: Changes, data: Changes, 
/**
 * Changed fields of the workspace's `meta`.
 */
meta: Array<FieldChange>, 
/**
 * Changed fields of the foreign data kept with the workspace.
 */
extra: Array<FieldChange>, };

/**
 * How bad a finding is.
 */
export type Level = "error" | "warning";

/**
 * One finding. `code` is stable; `message` is for people.
 */
export type Finding = { level: Level, code: string, message: string, node?: string, edge?: string, };

/**
 * One event, as it goes out in JSON under the key `event`.
 */
export type Event = { "event": "user_joined", workspace: string, user: Person, } | { "event": "user_left", workspace: string, user: Person, } | { "event": "presence_list", workspace: string, presence: Record<string, unknown>[], } | { "event": "cursor_updated", workspace: string, device: string, instance: string, pointer: unknown, } | { "event": "selection_updated", workspace: string, device: string, instance: string, selection: unknown, } | { "event": "presence_updated", workspace: string, presence: Record<string, unknown>, } | { "event": "pipeline_updated", workspace: string, ops: number, authors: Array<string>, } | { "event": "state_updated", workspace: string, } | { "event": "sync_state", workspace: string, saved: boolean, unsent: number, online: boolean, peers: Array<Peer>, } | { "event": "path_changed", device: string, path: string | null, latency_ms: number | null, } | { "event": "workspaces_changed", } | { "event": "joined", workspace: string, role: string, } | { "event": "join_pending", workspace: string, code: string, message: string, } | { "event": "join_requested", workspace: string, device: string, name: string | null, role: string, } | { "event": "join_failed", workspace: string, code: string, message: string, } | { "event": "notice", code: string, message: string, workspace: string | null, };

/**
 * What the window tells its page besides the engine's events.
 */
export type WindowEvent = { "event": "deep_link", link: string, };

/**
 * Where the device's key is kept.
 */
export type Kept = "keyring" | "file" | "passphrase";

/**
 * What the page may know of this device's key before the engine is open.
 */
export type KeyFacts = { kept: Kept, 
/**
 * Whether the folder holds no database yet.
 */
fresh: boolean, 
/**
 * The data folder.
 */
folder: string, };

/**
 * A pipeline to begin with.
 */
export type Sample = { name: string, content: string, };
