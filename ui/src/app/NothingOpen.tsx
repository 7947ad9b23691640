//! The centre of the window while no workspace is open: how to begin.
import { Button } from "../components/Button";
import { Empty } from "../components/Empty";
import { text } from "../text";

export function NothingOpen({ opening, onCreate, onJoin }: { opening: boolean; onCreate: () => void; onJoin: () => void }) {
  const t = text.noWorkspace;
  if (opening) return <Empty title={t.opening} />;
  return (
    <Empty title={t.title} text={t.text}>
      <div className="row">
        <Button kind="primary" onClick={onCreate}>{text.workspaces.create}</Button>
        <Button onClick={onJoin}>{text.workspaces.join}</Button>
      </div>
    </Empty>
  );
}
