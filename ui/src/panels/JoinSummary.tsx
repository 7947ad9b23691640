//! What a link promises: to what, as what, by whom, until when.
import { Callout } from "../components/Callout";
import { text } from "../text";
import type { Inspected } from "./engine";
import { sayTime } from "./time";

/** `followed` says that what the link means has been agreed to already. */
export function JoinSummary({ found, followed }: { found: Inspected; followed: boolean }) {
  const t = text.join;
  const name = found.inviter?.name ?? "";
  const meaning = found.kind === "device" ? t.meaning.device(name) : t.meaning[found.kind];
  return (
    <>
      <dl className="facts" data-testid="join-summary">
        <dt>{t.workspace}</dt><dd><strong>{found.name}</strong></dd>
        {found.role && <><dt>{t.role}</dt><dd>{text.roles[found.role] ?? found.role} <span className="muted">– {text.roleMeaning[found.role]}</span></dd></>}
        {found.inviter && <><dt>{found.kind === "device" ? t.person : t.inviter}</dt><dd>{name} {found.kind === "invitation" && <span className="mono muted">{found.fingerprint}</span>}</dd></>}
        {found.kind === "device" && <><dt>{t.madeOn}</dt><dd className="mono">{found.fingerprint}</dd></>}
        {found.expires && <><dt>{t.expires}</dt><dd>{sayTime(found.expires, Date.now())}</dd></>}
      </dl>
      {found.approve && !followed && <Callout>{t.awaits}</Callout>}
      {meaning && !followed && <Callout tone={found.kind === "device" ? "warn" : "accent"}>{meaning}</Callout>}
    </>
  );
}
