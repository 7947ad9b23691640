//! A text as a QR code, made here. Dark on white in every theme: many cameras read nothing else.
import { qrPath } from "./qr";

export function QrCode({ content, label, testId }: { content: string; label: string; testId?: string }) {
  const code = qrPath(content);
  if (!code) return null;
  return (
    <svg className="qr" viewBox={`0 0 ${code.side} ${code.side}`} shapeRendering="crispEdges" role="img" aria-label={label} data-testid={testId}>
      <rect width={code.side} height={code.side} fill="#fff" />
      <path d={code.path} fill="#000" />
    </svg>
  );
}
