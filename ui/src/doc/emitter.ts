//! Named events with typed payloads, in the manner of Yjs providers: `on`, `off`, `once`.

export class Emitter<Events extends Record<string, unknown>> {
  private readonly listeners = new Map<keyof Events, Set<(payload: never) => void>>();

  on<Name extends keyof Events>(name: Name, listener: (payload: Events[Name]) => void): () => void {
    const all = this.listeners.get(name) ?? new Set();
    this.listeners.set(name, all);
    all.add(listener);
    return () => this.off(name, listener);
  }

  once<Name extends keyof Events>(name: Name, listener: (payload: Events[Name]) => void): () => void {
    const stop = this.on(name, (payload) => {
      stop();
      listener(payload);
    });
    return stop;
  }

  off<Name extends keyof Events>(name: Name, listener: (payload: Events[Name]) => void) {
    this.listeners.get(name)?.delete(listener);
  }

  protected emit<Name extends keyof Events>(name: Name, payload: Events[Name]) {
    for (const listener of [...(this.listeners.get(name) ?? [])]) (listener as (payload: Events[Name]) => void)(payload);
  }

  protected silence() {
    this.listeners.clear();
  }
}
