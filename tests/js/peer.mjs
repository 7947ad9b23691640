// An unmodified js-libp2p node as a process: one JSON request a line, one JSON answer a line, {"error": …} where it failed.
//   {"start": [addr, …]}             → {"peer": id, "listening": [addr, …]}: a new node that listens there; a circuit
//                                       address reserves. It echoes what it is told under the protocol below.
//   {"identify": addr}               → what the other end says of itself.
//   {"ping": addr}                   → {"ms": n}
//   {"echo": addr, "text": text}     → {"text": …, "limited": bool}: what came back, and over a circuit or not.
//   {"ask": addr, "body": hex}       → {"body": hex}: one request of OmniScope's own protocol.
//   {"known": true}                  → {"peers": […], "connections": […]}: everything that the node has heard of.
import readline from 'node:readline'

// js-libp2p is made for Node.js 22, which has it.
Promise.withResolvers ??= function () {
  const made = {}
  made.promise = new Promise((resolve, reject) => Object.assign(made, { resolve, reject }))
  return made
}

const { createLibp2p } = await import('libp2p')
const { noise } = await import('@chainsafe/libp2p-noise')
const { yamux } = await import('@chainsafe/libp2p-yamux')
const { tcp } = await import('@libp2p/tcp')
const { webSockets } = await import('@libp2p/websockets')
const { circuitRelayTransport } = await import('@libp2p/circuit-relay-v2')
const { identify } = await import('@libp2p/identify')
const { ping } = await import('@libp2p/ping')
const { byteStream, echo } = await import('@libp2p/utils')
const { multiaddr } = await import('@multiformats/multiaddr')

const ECHO = '/omniscope-test/echo/1'
const OWN = '/omniscope/1'
const PATIENCE_MS = 15_000
const LENGTH_BYTES = 4

let node

const settings = () => ({ signal: AbortSignal.timeout(PATIENCE_MS), runOnLimitedConnection: true })

const start = async (listen) => {
  await node?.stop()
  node = await createLibp2p({
    addresses: { listen },
    transports: [tcp(), webSockets(), circuitRelayTransport()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    services: { identify: identify(), ping: ping() }
  })
  await node.handle(ECHO, echo, { runOnLimitedConnection: true })
  return { peer: node.peerId.toString(), listening: node.getMultiaddrs().map(String) }
}

const identified = async (addr) => {
  const said = await node.services.identify.identify(await node.dial(multiaddr(addr), settings()), settings())
  const { agentVersion, protocols, listenAddrs, observedAddr, protocolVersion, signedPeerRecord } = said
  const record = signedPeerRecord?.addresses.map(String)
  return { agentVersion, protocols, protocolVersion, record, listens: listenAddrs.map(String), seen: String(observedAddr) }
}

const echoed = async (addr, text) => {
  const stream = await node.dialProtocol(multiaddr(addr), ECHO, settings())
  const bytes = byteStream(stream)
  const sent = Buffer.from(text)
  await bytes.write(sent, settings())
  const back = await bytes.read({ bytes: sent.length, ...settings() })
  const limited = node.getConnections().some((one) => one.limits !== undefined)
  return { text: Buffer.from(back.subarray()).toString(), limited }
}

const asked = async (addr, body) => {
  const bytes = byteStream(await node.dialProtocol(multiaddr(addr), OWN, settings()))
  const frame = Buffer.alloc(LENGTH_BYTES + body.length)
  frame.writeUInt32BE(body.length)
  body.copy(frame, LENGTH_BYTES)
  await bytes.write(frame, settings())
  const length = Buffer.from((await bytes.read({ bytes: LENGTH_BYTES, ...settings() })).subarray()).readUInt32BE()
  return { body: Buffer.from((await bytes.read({ bytes: length, ...settings() })).subarray()).toString('hex') }
}

const known = async () => {
  const text = (peer) => ({
    id: peer.id.toString(),
    addresses: peer.addresses.map((one) => String(one.multiaddr)),
    protocols: peer.protocols,
    metadata: [...peer.metadata].map(([key, value]) => `${key}=${Buffer.from(value)}`)
  })
  const connections = node.getConnections().map((one) => `${one.direction} ${one.remoteAddr}`)
  return { peers: (await node.peerStore.all()).map(text), connections }
}

const answer = (request) => {
  if ('start' in request) return start(request.start)
  if ('identify' in request) return identified(request.identify)
  if ('ping' in request) return node.services.ping.ping(multiaddr(request.ping), settings()).then((ms) => ({ ms }))
  if ('echo' in request) return echoed(request.echo, request.text)
  if ('ask' in request) return asked(request.ask, Buffer.from(request.body, 'hex'))
  return known()
}

for await (const line of readline.createInterface({ input: process.stdin })) {
  const failed = (error) => ({ error: `${error.name}: ${error.message}`, causes: error.errors?.map(String) })
  console.log(JSON.stringify(await answer(JSON.parse(line)).catch(failed)))
}
await node?.stop()
process.exit(0)
