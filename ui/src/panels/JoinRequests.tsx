//! People who hold a link that asks: who they say they are, from which device, and letting each in by hand or not.
import { useState } from "react";
import { Avatar } from "../components/Avatar";
import { Button } from "../components/Button";
import { Callout } from "../components/Callout";
import { text } from "../text";
import { type JoinRequest, messageOf, useEngine } from "./engine";
import { fingerprint } from "./fingerprint";
import { sayTime } from "./time";

interface JoinRequestsProps { workspace: string; requests: readonly JoinRequest[]; onAnswered: () => void }

export function JoinRequests({ workspace, requests, onAnswered }: JoinRequestsProps) {
  const engine = useEngine();
  const [busy, setBusy] = useState<string | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  if (requests.length === 0) return null;
  const t = text.requests;
  const answer = (verb: "approve" | "decline", device: string) => {
    setBusy(device);
    setProblem(null);
    engine.call(`invite.${verb}`, { workspace, device }).then(onAnswered, (error: unknown) => setProblem(messageOf(error))).finally(() => setBusy(null));
  };
  return (
    <section className="requests" data-testid="join-requests">
      <p className="requests__hint">{t.unproven}</p>
      <ul className="list">
        {requests.map((one) => (
          <li key={one.device} className="list__item" data-testid="join-request" data-device={one.device}>
            <Avatar name={one.name ?? "?"} color="" status="away" />
            <div className="list__main">
              {t.joins(one.name?.trim() || t.somebody, text.roles[one.role] ?? one.role)}
              <small className="mono selectable">{fingerprint(one.device)}</small>
              <small>{sayTime(one.at, Date.now())}</small>
            </div>
            <Button kind="quiet" size="small" disabled={busy !== null} data-testid="join-decline" onClick={() => answer("decline", one.device)}>{t.decline}</Button>
            <Button kind="primary" size="small" disabled={busy !== null} data-testid="join-approve" onClick={() => answer("approve", one.device)}>{t.accept}</Button>
          </li>
        ))}
      </ul>
      {problem && <Callout tone="danger">{problem}</Callout>}
    </section>
  );
}
