//! Snapshots of a Y.Doc with structural sharing: a view object changes only when its own node changed. Deliberately absent: edits (edits.ts) and React.
import * as Y from "yjs";
import { recordOf } from "../../doc/plain";
import { type EdgeView, type GroupView, type NodeView, readEdge, readGroup, readNode, readSticky, type StickyView } from "./snapshot";

type Listener = () => void;

/** One root map, read through `read`; `views` is a new Map exactly when something in it changed. */
class Root<T> {
  views: ReadonlyMap<string, T> = new Map();
  private readonly map: Y.Map<unknown>;

  constructor(doc: Y.Doc, name: string, private readonly read: (id: string, map: unknown) => T | null, changed: Listener, stop: Listener[]) {
    this.map = doc.getMap(name);
    this.refresh(this.map.keys());
    const observe = (events: Y.YEvent<Y.AbstractType<unknown>>[]) => {
      const touched = new Set<string>();
      for (const event of events) {
        if (event.path.length > 0) touched.add(String(event.path[0]));
        else for (const key of event.keys.keys()) touched.add(key);
      }
      this.refresh(touched);
      changed();
    };
    this.map.observeDeep(observe);
    stop.push(() => this.map.unobserveDeep(observe));
  }

  private refresh(ids: Iterable<string>) {
    const next = new Map(this.views);
    for (const id of ids) {
      const view = this.map.has(id) ? this.read(id, this.map.get(id)) : null;
      if (view) next.set(id, view);
      else next.delete(id);
    }
    this.views = next;
  }
}

export class GraphStore {
  private readonly listeners = new Set<Listener>();
  private readonly stops: Listener[] = [];
  private readonly nodeRoot: Root<NodeView>;
  private readonly edgeRoot: Root<EdgeView>;
  private readonly stickyRoot: Root<StickyView>;
  private readonly groupRoot: Root<GroupView>;
  private meta: Record<string, unknown> = {};

  constructor(readonly doc: Y.Doc) {
    let dirty = false;
    const changed = () => {
      dirty = true;
    };
    // Listeners hear of a transaction once, when every root has been read.
    const settled = () => {
      if (dirty) this.emit();
      dirty = false;
    };
    this.nodeRoot = new Root(doc, "nodes", readNode, changed, this.stops);
    this.edgeRoot = new Root(doc, "edges", readEdge, changed, this.stops);
    this.stickyRoot = new Root(doc, "stickies", readSticky, changed, this.stops);
    this.groupRoot = new Root(doc, "groups", readGroup, changed, this.stops);
    const meta = doc.getMap("meta");
    const readMeta = () => {
      this.meta = recordOf(meta);
      changed();
    };
    readMeta();
    meta.observeDeep(readMeta);
    doc.on("afterTransaction", settled);
    this.stops.push(() => meta.unobserveDeep(readMeta), () => doc.off("afterTransaction", settled));
  }

  readonly subscribe = (listener: Listener): Listener => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  readonly nodes = () => this.nodeRoot.views;
  readonly edges = () => this.edgeRoot.views;
  readonly stickies = () => this.stickyRoot.views;
  readonly groups = () => this.groupRoot.views;
  readonly header = () => this.meta;
  readonly node = (id: string): NodeView | undefined => this.nodeRoot.views.get(id);

  destroy() {
    for (const stop of this.stops) stop();
    this.listeners.clear();
  }

  private emit() {
    for (const listener of [...this.listeners]) listener();
  }
}
