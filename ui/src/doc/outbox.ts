//! Own updates on their way to the engine, in the order they were made: one in flight, kept until the engine calls them durable. Knows no Y.Doc.
import * as Y from "yjs";

interface Entry {
  update: Uint8Array;
  /** How many transactions it holds. */
  edits: number;
  state: "waiting" | "flying" | "taken";
  /** The engine's number of the push, once taken. */
  number: number;
}

/** Above this many entries neighbours of one state become one update: memory stays near the size of what was typed. */
export const MAX_ENTRIES = 256;

export class Outbox {
  private entries: Entry[] = [];
  private durable = 0;
  private stopped = false;

  /** `send` resolves with the number of the push. `changed` hears how many edits are not durable yet; `failed` hears a push that went wrong, after which nothing more is sent. */
  constructor(
    private readonly send: (update: Uint8Array) => Promise<number>,
    private readonly changed: (waiting: number) => void,
    private readonly failed: (error: unknown) => void,
  ) {}

  add(update: Uint8Array) {
    this.entries.push({ update, edits: 1, state: "waiting", number: 0 });
    if (this.entries.length > MAX_ENTRIES) this.squeeze();
    this.changed(this.waiting);
    this.pump();
  }

  /** The engine made the first `count` pushes durable. */
  saved(count: number) {
    this.durable = count;
    this.settle();
  }

  /** Sends nothing from here on; what is not durable stays readable. */
  stop() {
    this.stopped = true;
  }

  /** Lets go of everything that is not durable. */
  forget() {
    this.entries = [];
    this.changed(0);
  }

  get waiting(): number {
    return this.entries.reduce((sum, entry) => sum + entry.edits, 0);
  }

  /** What the engine has not called durable, oldest first. */
  get unsaved(): Uint8Array[] {
    return this.entries.map((entry) => entry.update);
  }

  private pump() {
    if (this.stopped || this.entries.some((entry) => entry.state === "flying")) return;
    const next = this.entries.find((entry) => entry.state === "waiting");
    if (!next) return;
    next.state = "flying";
    this.send(next.update).then(
      (number) => {
        next.state = "taken";
        next.number = number;
        if (this.stopped) return;
        this.settle();
        this.pump();
      },
      (error: unknown) => {
        if (this.stopped) return;
        this.stop();
        this.failed(error);
      },
    );
  }

  private settle() {
    const before = this.entries.length;
    this.entries = this.entries.filter((entry) => entry.state !== "taken" || entry.number > this.durable);
    if (this.entries.length !== before) this.changed(this.waiting);
  }

  /** Joins neighbours that are both waiting or both taken. They are consecutive edits of one session, so the joined update holds them in order. */
  private squeeze() {
    const groups: Entry[][] = [];
    for (const entry of this.entries) {
      const last = groups[groups.length - 1];
      if (last?.[0]?.state === entry.state && entry.state !== "flying") last.push(entry);
      else groups.push([entry]);
    }
    this.entries = groups.flatMap((group) => {
      const last = group[group.length - 1];
      if (!last || group.length === 1) return group;
      return [{ ...last, update: Y.mergeUpdates(group.map((entry) => entry.update)), edits: group.reduce((sum, entry) => sum + entry.edits, 0) }];
    });
  }
}
