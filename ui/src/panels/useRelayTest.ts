//! One test of a relay at a time; the answer to an older one, or after the view has gone, is nobody's.
import { useCallback, useEffect, useRef, useState } from "react";
import { messageOf, type RelayTest, useEngine } from "./engine";

export interface RelayTesting { testing: boolean; result: RelayTest | null; test: (address: string, token: string) => void; clear: () => void }

export function useRelayTest(): RelayTesting {
  const engine = useEngine();
  const [testing, setTesting] = useState(false);
  const [result, setResult] = useState<RelayTest | null>(null);
  const asked = useRef(0);
  useEffect(() => () => {
    asked.current = -1;
  }, []);
  const clear = useCallback(() => {
    asked.current += 1;
    setTesting(false);
    setResult(null);
  }, []);
  const test = useCallback((address: string, token: string) => {
    const mine = (asked.current += 1);
    const settle = (found: RelayTest) => {
      if (asked.current !== mine) return;
      setResult(found);
      setTesting(false);
    };
    setTesting(true);
    setResult(null);
    engine.call("relay.test", { address, ...(token ? { token } : {}) }).then(settle, (error: unknown) => settle({ reached: false, latency_ms: null, peer: null, problem: { code: "failed", message: messageOf(error) } }));
  }, [engine]);
  return { testing, result, test, clear };
}
