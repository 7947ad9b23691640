//! What crosses between the page and the program behind it, generated from the Rust types.
//! To renew it: OMNISCOPE_WRITE_TYPES=1 cargo test --workspace --bin omniscope-desktop types

/** What a member may do. */
export type Role = "owner" | "editor" | "viewer";

/** The error of every command. */
export type CommandError = { 
/** Stable, lower-case, words joined by underscores. */
code: string, 
/** What went wrong and what was expected. */
message: string, };

/** A document that was opened. */
export type Opened = { 
/** Its handle. */
document: number, 
/** The Yjs client id to write under. */
client_id: number, 
/** Whether edits count. */
writable: boolean, };

/** The document was replaced: a new one with this client id is to be filled from the state that follows. */
export type Reset = { client_id: number, reason: string, };

/** What one instance of a device shows of its person. The state is JSON that the instance made: a reader believes no
 * field of it but those that the engine adds, `device`, `name`, `color`, `instance` and `status`. */
export type Shown = { 
/** The device. */
device: string, 
/** Which window or peer of that device. */
instance: string, 
/** What it shows; `None` once it is gone. */
state: Record<string, unknown> | null, };

/** One event, as it goes out in JSON under the key `event`. */
export type Event = { "event": "user_joined", workspace: string, user: Person, } | { "event": "user_left", workspace: string, user: Person, } | { "event": "presence_list", workspace: string, presence: Record<string, unknown>[], } | { "event": "cursor_updated", workspace: string, device: string, instance: string, pointer: unknown, } | { "event": "selection_updated", workspace: string, device: string, instance: string, selection: unknown, } | { "event": "presence_updated", workspace: string, presence: Record<string, unknown>, } | { "event": "pipeline_updated", workspace: string, ops: number, authors: Array<string>, } | { "event": "state_updated", workspace: string, } | { "event": "versions_changed", workspace: string, } | { "event": "sync_state", workspace: string, saved: boolean, unsent: number, online: boolean, peers: Array<Peer>, } | { "event": "path_changed", device: string, path: string | null, latency_ms: number | null, } | { "event": "workspaces_changed", } | { "event": "joined", workspace: string, role: string, } | { "event": "join_pending", workspace: string, code: string, message: string, } | { "event": "join_requested", workspace: string, device: string, name: string | null, role: string, } | { "event": "join_failed", workspace: string, code: string, message: string, } | { "event": "notice", code: string, message: string, workspace: string | null, };

/** What the window tells its page besides the engine's events. */
export type WindowEvent = { "event": "deep_link", link: string, };

/** Where the device's key is kept. */
export type Kept = "keyring" | "file" | "passphrase";

/** What the page may know of this device's key before the engine is open. */
export type KeyFacts = { kept: Kept, 
/** Whether the folder holds no database yet. */
fresh: boolean, 
/** The data folder. */
folder: string, };

/** A pipeline to begin with. */
export type Sample = { name: string, content: string, };

/** Who a device is to the members of a workspace. */
export type Person = { 
/** Its id. */
device: string, 
/** As it calls itself, else a name made of its id. */
name: string, 
/** `#rrggbb`, told apart from those of the others. */
color: string, };

/** How a member's device is reached, and how far it is in the log. */
export type Peer = { 
/** `lan`, `direct` or `relayed`. */
path: string, 
/** Ops of the log here that it is not known to have. */
behind: number, 
/** Whether it has ops that are not here. */
ahead: boolean, 
/** Time there and back, where it was measured. */
latency_ms: number | null, 
/** When it last said anything, as RFC 3339 in UTC. */
last_heard: string, 
/** Its id. */
device: string, 
/** As it calls itself, else a name made of its id. */
name: string, 
/** `#rrggbb`, told apart from those of the others. */
color: string, };

/** Where this device stands in a workspace. */
export type Status = "pending" | "arriving" | "member" | "removed" | "closed";

/** Why something is not so, or not so yet. */
export type Reason = { 
/** Stable, lower-case, words joined by underscores. */
code: string, 
/** The same in words. */
message: string, };

/** One workspace in the list. */
export type Summary = { 
/** Its id. */
workspace: string, 
/** Its name; the one in the link while it waits. */
name: string, 
/** What it is for. */
description: string, 
/** This device's role. */
role: Role | "none", 
/** The senior owner; who made the link while it waits. */
owner: Person | null, 
/** When it was founded, as RFC 3339 in UTC; `None` while it waits. */
created: string | null, 
/** When the last edit came in here, as RFC 3339 in UTC; `None` while it waits. */
updated: string | null, 
/** How many persons are members. */
members: number, 
/** How many devices of members are here now, this one included. */
online: number, 
/** Where this device stands. */
status: Status, 
/** Ops of this device that no other member is known to have. */
unsent: number, 
/** Whether everything is on this computer's disk. */
saved: boolean, 
/** Edits of others since a window here showed it last, at most `MAX_UNREAD`. */
unread: number, 
/** Bytes of its log on this computer. */
bytes: number, 
/** The version of a newer OmniScope by which it was edited: it can be read only here. */
newer_version: number | null, 
/** What a join waits for. */
waits: Reason | null, };

/** The workspaces on this computer, and joins that wait. */
export type Workspaces = { workspaces: Array<Summary>, };

/** A workspace that was founded just now. */
export type Made = { 
/** Its id. */
workspace: string, 
/** Its name. */
name: string, };

/** Counts of who is there and what was done. */
export type Statistics = { 
/** Persons who are members. */
members: number, 
/** Devices that are here, this one included. */
online: number, 
/** Of these, those whose person does nothing for a moment. */
idle: number, 
/** Of these, those whose person does nothing for long. */
away: number, 
/** Edits of this day in UTC, by the authors' clocks. */
edits_today: number, };

/** One workspace in all detail. */
export type Details = { 
/** Who is there and what was done. */
statistics: Statistics, 
/** The ids of the ops that no other known op names. */
heads: Array<string>, 
/** How many ops the log has. */
ops: number, 
/** Keys that are not known here under which ops of the log are sealed. */
missing_keys: number, 
/** Its id. */
workspace: string, 
/** Its name; the one in the link while it waits. */
name: string, 
/** What it is for. */
description: string, 
/** This device's role. */
role: Role | "none", 
/** The senior owner; who made the link while it waits. */
owner: Person | null, 
/** When it was founded, as RFC 3339 in UTC; `None` while it waits. */
created: string | null, 
/** When the last edit came in here, as RFC 3339 in UTC; `None` while it waits. */
updated: string | null, 
/** How many persons are members. */
members: number, 
/** How many devices of members are here now, this one included. */
online: number, 
/** Where this device stands. */
status: Status, 
/** Ops of this device that no other member is known to have. */
unsent: number, 
/** Whether everything is on this computer's disk. */
saved: boolean, 
/** Edits of others since a window here showed it last, at most `MAX_UNREAD`. */
unread: number, 
/** Bytes of its log on this computer. */
bytes: number, 
/** The version of a newer OmniScope by which it was edited: it can be read only here. */
newer_version: number | null, 
/** What a join waits for. */
waits: Reason | null, };

/** What becomes of a link that was followed. */
export type Joining = { 
/** The id of the workspace. */
workspace: string, 
/** The role that it gives; absent where an answer must come first. */
role?: Role, 
/** Whether this device is in, or waits. */
status: "member" | "pending", 
/** Whether it was in before. */
already?: true, 
/** What it waits for: stable, lower-case, words joined by underscores. */
code?: string, 
/** The same in words. */
message?: string, };

/** How far others are. */
export type SyncReport = { 
/** Whether all who are connected have the same; `None` if nobody is. */
converged: boolean | null, 
/** Who is connected. */
peers: Array<Peer>, 
/** The relays that keep the workspace. */
relays?: Array<WorkspaceRelay>, };

/** This device as it calls itself. */
export type Profile = { 
/** Its id in groups that can be read out. */
fingerprint: string, 
/** Its id. */
device: string, 
/** As it calls itself, else a name made of its id. */
name: string, 
/** `#rrggbb`, told apart from those of the others. */
color: string, };

/** A person who is a member, under its first device. */
export type Member = { 
/** The person's role. */
role: Role, 
/** When the role was given first. */
joined: string, 
/** When a device of the person was last heard; `None` if never. */
last_seen: string | null, 
/** Whether this is whose device asks. */
you: boolean, 
/** `online`, `idle`, `away` or `offline`. */
status: string, 
/** The ids of the person's devices. */
devices: Array<string>, 
/** Whether it is a key that is kept offline. */
recovery: boolean, 
/** Its id. */
device: string, 
/** As it calls itself, else a name made of its id. */
name: string, 
/** `#rrggbb`, told apart from those of the others. */
color: string, };

/** The members of a workspace. */
export type Members = { members: Array<Member>, };

/** One of a person's devices. */
export type Device = { 
/** Whether it is the one that gives up the person's role. */
first: boolean, 
/** Whether it is the one that asks. */
you: boolean, 
/** Its id. */
device: string, 
/** As it calls itself, else a name made of its id. */
name: string, 
/** `#rrggbb`, told apart from those of the others. */
color: string, };

/** One's own devices in a workspace. */
export type Devices = { 
/** The id of the person: its first device's. */
person: string, devices: Array<Device>, };

/** A link for another device of one's own. */
export type DeviceOffer = { 
/** The link, which is a secret. */
link: string, 
/** Until when it is good. */
expires: string, };

/** A recovery key. */
export type RecoveryKey = { 
/** The text to keep, which is a secret. */
recovery: string, 
/** The id of the owner that it is. */
device: string, };

/** Somebody who holds a link that lets nobody in by itself. */
export type JoinRequest = { 
/** The link's id. */
invite: string, 
/** The device that asks. */
device: string, 
/** As it calls itself; anybody may call themselves anything. */
name: string | null, 
/** The role that the link gives. */
role: Role, 
/** When it was heard first. */
at: string, };

/** Who waits for an owner. */
export type JoinRequests = { requests: Array<JoinRequest>, };

/** A request that was approved. */
export type Approved = { 
/** Whose it was. */
device: string, 
/** The role that it has now. */
role: Role, };

/** A request that was declined. */
export type Declined = { 
/** Whose it was. */
device: string, };

/** A link that was made just now. */
export type MadeLink = { 
/** The link, which is a secret. */
link: string, 
/** Its id. */
invite: string, 
/** The role that it gives. */
role: Role, 
/** Until when it is good. */
expires: string, 
/** Whether an owner lets in each who holds it. */
approve: boolean, };

/** A link of a workspace. */
export type Invite = { 
/** Its id. */
invite: string, 
/** The role that it gives. */
role: Role, 
/** How many may use it; `None` for as many as like. */
uses: number | null, 
/** How many did. */
used: number, 
/** Until when it is good; `None` for ever. */
expires: string | null, 
/** `open`, `used_up`, `expired` or `revoked`. */
state: "open" | "used_up" | "expired" | "revoked", 
/** Whether an owner lets in each who holds it. */
approve: boolean, };

/** The links of a workspace. */
export type Invites = { invites: Array<Invite>, };

/** Who made a link, as the link says. */
export type Inviter = { 
/** The id. */
device: string, 
/** The name; anybody may call themselves anything. */
name: string, };

/** What a link promises; what its kind does not say is `None`. */
export type Inspected = { 
/** Which kind it is. */
kind: "invitation" | "device" | "recovery", 
/** The id of the workspace. */
workspace: string, 
/** The name of the workspace, as the link says. */
name: string, 
/** The role that it gives. */
role: Role | null, 
/** Who made it. */
inviter: Inviter | null, 
/** Until when it is good. */
expires: string | null, 
/** How many may use it. */
uses: number | null, 
/** Whether an owner lets in each who holds it. */
approve: boolean | null, 
/** The addresses at which somebody may be found who lets in. */
relays: Array<string>, 
/** The id of who made it, in groups that can be read out. */
fingerprint: string | null, 
/** Why it cannot be used. */
problem: Reason | null, };

/** A relay that this device uses. */
export type UsedRelay = { 
/** Its address. */
addr: string, 
/** `up` while a reservation stands there. */
state: "up" | "down", 
/** Time there and back, where it was measured. */
latency_ms: number | null, 
/** Why it was lost or refused last. */
problem: string | null, };

/** A device to which there is a connection. */
export type Connected = { 
/** Its id. */
device: string, 
/** `lan`, `direct` or `relayed`. */
path: string, 
/** Time there and back, where it was measured. */
latency_ms: number | null, };

/** How this device stands in the network. */
export type NetworkStatus = { 
/** Whether it looks for others. */
online: boolean, 
/** Whether it is reached by relays alone. */
relay_only: boolean, 
/** The addresses at which it listens. */
listening: Array<string>, 
/** The relays that it uses. */
relays: Array<UsedRelay>, 
/** The devices to which there is a connection. */
peers: Array<Connected>, };

/** A relay of one workspace. */
export type WorkspaceRelay = { 
/** Its address. */
addr: string, 
/** `kept` if it keeps the workspace, `up` if it can be reached, `refused` or `down`. */
state: "kept" | "up" | "refused" | "down", 
/** Why it refused. */
code: string | null, 
/** How many ops it lacks, where that is known. */
behind: number | null, };

/** The relays of one workspace. */
export type WorkspaceRelays = { relays: Array<WorkspaceRelay>, };

/** A relay that was taken away. */
export type RelayRemoved = { 
/** Whether it was one of the workspace's. */
removed: boolean, };

/** What a test of a relay found. */
export type RelayTest = { 
/** Whether a relay answered. */
reached: boolean, 
/** Time there and back. */
latency_ms: number | null, 
/** Its id. */
peer: string | null, 
/** What is wrong with it; `None` if it would keep a workspace. */
problem: Reason | null, };

/** What the log of one workspace takes. */
export type StoredWorkspace = { 
/** Its id. */
workspace: string, 
/** Its name. */
name: string, 
/** How many ops. */
ops: number, 
/** How many bytes. */
bytes: number, };

/** What the database of this device takes. */
export type Storage = { 
/** Where it lies; `None` in memory. */
folder: string | null, 
/** Bytes of all of it. */
bytes: number, 
/** Bytes that compacting would give back. */
free: number, 
/** Its logs. */
workspaces: Array<StoredWorkspace>, };

/** The database was written anew. */
export type Compacted = { 
/** Bytes before. */
before: number, 
/** Bytes now. */
bytes: number, };

/** One thing and a name for people: a label, the ends of an edge, the first line of a sticky note. */
export type Item = { id: string, title: string, };

/** One field, e.g. `label`, `notes` or `params.threads`; a side where the field is missing is absent. */
export type FieldChange = { field: string, before?: unknown, after?: unknown, };

/** One thing whose fields differ. */
export type Changed = { id: string, title: string, fields: Array<FieldChange>, };

/** Things of one kind that came, went or changed. */
export type Changes = { added: Array<Item>, removed: Array<Item>, changed: Array<Changed>, };

/** The differences, by kind of thing; ids in order. */
export type Diff = { nodes: Changes, edges: Changes, stickies: Changes, groups: Changes, comments: Changes, data: Changes, 
/** Changed fields of the workspace's `meta`. */
meta: Array<FieldChange>, 
/** Changed fields of the foreign data kept with the workspace. */
extra: Array<FieldChange>, };

/** How bad a finding is. */
export type Level = "error" | "warning";

/** One finding. `code` is stable; `message` is for people. */
export type Finding = { level: Level, code: string, message: string, node?: string, edge?: string, };

/** What is wrong with a pipeline. */
export type Findings = { findings: Array<Finding>, };

/** What an import brought. */
export type Imported = { 
/** How many steps. */
nodes: number, 
/** How many connections. */
edges: number, 
/** How many sticky notes. */
stickies: number, 
/** What could not be kept, in sentences. */
warnings: Array<string>, };

/** A pipeline as a file. */
export type Exported = { 
/** Its text. */
content: string, };

/** A named version. */
export type Version = { 
/** Its id. */
version: string, 
/** The name that it was given last. */
name: string, 
/** Who saved it. */
author: Person, 
/** When, by the author's clock. */
created: string, };

/** All versions, oldest first. */
export type Versions = { versions: Array<Version>, };

/** A version that was named just now. */
export type NamedVersion = { 
/** Its id. */
version: string, 
/** Its name. */
name: string, };

/** A state came back as a new edit. */
export type Restored = { 
/** How many things differ from before. */
changed: number, };

/** Whose hands were in a line of the history. */
export type Author = { 
/** How many ops of the line are theirs. */
edits: number, 
/** Its id. */
device: string, 
/** As it calls itself, else a name made of its id. */
name: string, 
/** `#rrggbb`, told apart from those of the others. */
color: string, };

/** What an author did to one step. */
export type Did = "added" | "removed" | "changed";

/** What there is to say of a line besides who and when; what its kind does not say is absent. */
export type EntryDetails = { 
/** The version that was saved or renamed. */
version?: string, 
/** Of a version its name of today, of a renaming the new name. */
name?: string, 
/** Whom it concerns. */
subject?: Person, 
/** The role that was given or offered. */
role?: string, 
/** Whose link it was by which somebody joined. */
inviter?: Person, 
/** The step that was asked about. */
node?: string, 
/** What was done to it. */
did?: Did, 
/** What it is called. */
title?: string, 
/** What is different of it. */
fields?: Array<FieldChange>, };

/** One line of the history. */
export type HistoryEntry = { 
/** The place before its first op. */
from: number, 
/** The place after its last. */
to: number, 
/** What it is about; see `docs/api.md`. */
kind: "edit" | "version" | "renamed" | "joined" | "left" | "role" | "invited" | "revoked" | "device_added" | "device_removed" | "closed" | "founded", 
/** Whose hands were in it. */
authors: Array<Author>, 
/** When it began. */
first: string, 
/** When it ended. */
last: string, 
/** What else there is to say; nothing of the edits of many steps. */
details: EntryDetails | null, };

/** The history, newest line first. */
export type History = { entries: Array<HistoryEntry>, 
/** How many ops the log has: the place of now. */
total: number, };

/** Whose hands were in a difference. */
export type DiffAuthor = { 
/** What they touched, as `root/id`. */
touched: Array<string>, 
/** Its id. */
device: string, 
/** As it calls itself, else a name made of its id. */
name: string, 
/** `#rrggbb`, told apart from those of the others. */
color: string, };

/** What differs between two places. */
export type Comparison = { 
/** How many things differ. */
changes: number, 
/** What differs. */
diff: Diff, 
/** Whose hands were in it. */
authors: Array<DiffAuthor>, };
