//! What a test of a relay found.
import { Callout } from "../components/Callout";
import { text } from "../text";
import type { RelayTest } from "./engine";

export function RelayVerdict({ result }: { result: RelayTest }) {
  const tone = !result.problem ? "accent" : result.reached ? "warn" : "danger";
  return <Callout tone={tone} testId="relay-verdict">{result.problem?.message ?? text.network.tested(result.latency_ms)}</Callout>;
}
