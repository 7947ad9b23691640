//! Viewers who are here and ask for edit rights, each with a way to say yes. Saying nothing is saying no: a request is gone with the one who asks.
import { useContext, useState, useSyncExternalStore } from "react";
import { Avatar } from "../components/Avatar";
import { Button } from "../components/Button";
import { Callout } from "../components/Callout";
import { SessionContext } from "../graph/model/session";
import { text } from "../text";
import { type Member, messageOf, useEngine } from "./engine";
import { requestsOf } from "./requests";

const never = () => () => undefined;

export function RequestList({ workspace, members }: { workspace: string; members: readonly Member[] }) {
  const engine = useEngine();
  const presence = useContext(SessionContext)?.presence;
  const people = useSyncExternalStore(presence?.subscribe ?? never, () => presence?.roster() ?? null);
  const [problem, setProblem] = useState<string | null>(null);
  const asking = requestsOf(people ?? [], members);
  if (asking.length === 0) return null;
  const t = text.requests;
  const approve = (member: string) => engine.call("member.role", { workspace, member, role: "editor" }).catch((error: unknown) => setProblem(messageOf(error)));
  return (
    <section className="requests" data-testid="requests">
      <ul className="list">
        {asking.map((one) => (
          <li key={one.device} className="list__item">
            <Avatar name={one.name} color={one.color} status="online" />
            <div className="list__main">{t.asks(one.name)}<small>{t.meaning}</small></div>
            <Button kind="primary" size="small" data-testid="request-approve" onClick={() => void approve(one.device)}>{t.approve}</Button>
          </li>
        ))}
      </ul>
      {problem && <Callout tone="danger">{problem}</Callout>}
    </section>
  );
}
