//! Makes one invitation: role first, the rest under More; then the message to send.
import { ChevronDown, ChevronRight } from "lucide-react";
import { useId, useState } from "react";
import { Button } from "../components/Button";
import { Callout } from "../components/Callout";
import { Field } from "../components/Field";
import { Segmented } from "../components/Segmented";
import { Select } from "../components/Select";
import { Switch } from "../components/Switch";
import { text } from "../text";
import { messageOf, type Role, useEngine } from "./engine";
import { MadeInvite } from "./MadeInvite";
import { sayTime } from "./time";

interface Made { link: string; expires: string; role: Role; uses: number | null }

export function InviteForm({ workspace, name, me, onMade }: { workspace: string; name: string; me: string; onMade: () => void }) {
  const engine = useEngine();
  const [role, setRole] = useState<Role>("editor");
  const [uses, setUses] = useState("1");
  const [expires, setExpires] = useState<"1d" | "7d" | "30d">("7d");
  const [approve, setApprove] = useState(false);
  const [more, setMore] = useState(false);
  const asks = useId();
  const [made, setMade] = useState<Made | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const t = text.share;
  const create = async () => {
    setProblem(null);
    try {
      const answer = await engine.call("invite.create", { workspace, role, expires, ...(approve ? { approve } : { uses: Number(uses) }) });
      setMade({ ...answer, uses: approve ? null : Number(uses) });
      onMade();
    } catch (error) {
      setProblem(messageOf(error));
    }
  };
  const message = made ? t.message(me, name, text.roles[made.role], made.uses, sayTime(made.expires, Date.now()), made.link) : "";
  return (
    <div className="stack">
      <div className="row" style={{ gap: 12 }}>
        <Segmented label={t.role} value={role} testId="invite-role" options={[{ value: "editor", label: text.roles.editor }, { value: "viewer", label: text.roles.viewer }]} onChange={(next: Role) => setRole(next)} />
        <span className="field__hint grow">{t.roleHint(text.roleMeaning[role])}</span>
        <Button kind={made ? "plain" : "primary"} data-testid="invite-create" onClick={() => void create()}>{!approve && Number(uses) === 1 ? t.create : t.createMany}</Button>
      </div>
      <button type="button" className="disclosure" aria-expanded={more} data-testid="invite-more" onClick={() => setMore(!more)}>{more ? <ChevronDown size={14} /> : <ChevronRight size={14} />}{t.more}</button>
      {more && (
        <div className="row" style={{ gap: 12, flexWrap: "wrap" }}>
          {!approve && <div style={{ width: 130 }}><Field label={t.uses}>{(props) => <Select {...props} value={uses} data-testid="invite-uses" options={["1", "5", "20"].map((value) => ({ value, label: t.people(Number(value)) }))} onChange={setUses} />}</Field></div>}
          <div style={{ width: 130 }}><Field label={t.expires}>{(props) => <Select {...props} value={expires} data-testid="invite-expires" options={(["1d", "7d", "30d"] as const).map((value) => ({ value, label: t.days[value] }))} onChange={(value) => setExpires(value as "7d")} />}</Field></div>
          <div className="stack-s" style={{ flexBasis: "100%" }}>
            <div className="row"><Switch id={asks} checked={approve} aria-describedby={`${asks}-hint`} data-testid="invite-approve" onChange={setApprove} /><label htmlFor={asks} className="field__label">{t.approve}</label></div>
            <span id={`${asks}-hint`} className="field__hint">{t.approveHint}</span>
          </div>
        </div>
      )}
      {made && <MadeInvite key={made.link} name={name} link={made.link} message={message} />}
      {problem && <Callout tone="danger">{problem}</Callout>}
    </div>
  );
}
