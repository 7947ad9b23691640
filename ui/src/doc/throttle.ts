//! Calls at most once in a while, and never loses the last one.

export interface Throttled<A extends unknown[]> {
  (...args: A): void;
  /** Forgets a call that still waits. */
  cancel: () => void;
}

/** The first call goes through at once; of those within `ms` after it the last one follows. */
export function throttled<A extends unknown[]>(ms: number, work: (...args: A) => void): Throttled<A> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let waiting: A | null = null;
  const rest = () => {
    timer = undefined;
    const args = waiting;
    waiting = null;
    if (args) call(...args);
  };
  const call = (...args: A) => {
    if (timer !== undefined) {
      waiting = args;
      return;
    }
    timer = setTimeout(rest, ms);
    work(...args);
  };
  return Object.assign(call, {
    cancel: () => {
      waiting = null;
    },
  });
}
