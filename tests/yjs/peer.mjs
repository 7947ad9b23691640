// Real Yjs as a process: one JSON request a line, one JSON answer a line.
//   {"make": seed}      → {"log": ["client:hex", …], "json": …}: three people edit at random, with undo and partitions; or
//                         {"contradicts": true} where an undo wrote what a window would not send (`ui/src/doc/order.ts`).
//   {"read": ["hex", …]} → {"json": …, "pending": bool}: a fresh document that applies the updates in order.
//   {"fold": ["hex", …]} → the same with all roots of a pipeline.
import readline from 'node:readline'
import * as Y from 'yjs'

const ROOTS = ['meta', 'nodes']
const ALL_ROOTS = ['comments', 'data', 'edges', 'extra', 'groups', 'meta', 'nodes', 'stickies']
const CLIENTS = [5, 77777777, 9007199254740000]
const VALUES = [null, true, 1.5, 4e9, 'x', { a: [1, { b: 2 }] }]
const WORDS = ['a', 'hello', '\u{1f600}', 'é\u{1f600}x', '女']

const document = (roots = ROOTS) => {
  const doc = new Y.Doc({ gc: false })
  roots.forEach((root) => doc.getMap(root))
  return doc
}

const plain = (doc) => JSON.parse(JSON.stringify(doc.toJSON()))

const newNode = (random, word) => {
  const node = new Y.Map()
  node.set('label', word())
  node.set('pos', [random(9), -0.5 * random(9)])
  node.set('params', new Y.Map())
  node.set('notes', new Y.Text(word()))
  return node
}

const edit = (doc, random) => {
  const word = () => WORDS[random(WORDS.length)]
  const nodes = doc.getMap('nodes')
  const id = `n${random(3)}`
  const node = nodes.get(id)
  const kind = random(9)
  if (!node || kind === 0) return nodes.set(id, newNode(random, word))
  if (kind === 1) return nodes.delete(id)
  if (kind === 6) {
    for (let i = 0; i < 3; i++) node.get('params')?.set(`p${random(2)}`, VALUES[random(VALUES.length)])
    return
  }
  if (kind === 7) return doc.getMap('meta').set('name', word())
  if (kind === 8) return node.delete('label')
  const text = node.get('notes')
  // Positions inside a surrogate pair are wanted: both libraries must break the pair alike.
  if (kind < 5 || text.length === 0) return text.insert(random(text.length + 1), word())
  const at = random(text.length)
  text.delete(at, 1 + random(Math.min(3, text.length - at)))
}

const holds = (item, id) => item.id.client === id.client && item.id.clock <= id.clock && id.clock < item.id.clock + item.length

// Whether what a transaction wrote stood beside the neighbours that it names, with nothing between: else Yjs itself does not come to one order.
const isOrdered = ({ doc, beforeState }) => {
  const from = beforeState.get(doc.clientID) ?? 0
  const reaches = (item, id, step) => {
    let at = item[step]
    while (at && !(id && holds(at, id)) && at.id.client === doc.clientID && at.id.clock > item.id.clock) at = at[step]
    return at === null ? id === null : id !== null && holds(at, id)
  }
  const own = (doc.store.clients.get(doc.clientID) ?? []).filter((item) => item.id.clock + item.length > from)
  return own.every((item) => (item.id.clock < from || reaches(item, item.origin, 'left')) && reaches(item, item.rightOrigin, 'right'))
}

const make = (seed) => {
  let contradicts = false
  let state = seed
  const random = (n) => {
    state = (state * 1103515245 + 12345) % 2147483648
    return Math.floor(state / 65536) % n
  }
  const log = []
  const docs = CLIENTS.map((client) => Object.assign(document(), { clientID: client }))
  const undo = docs.map((doc) => new Y.UndoManager(ROOTS.map((r) => doc.getMap(r)), { captureTimeout: 0 }))
  for (const doc of docs) {
    doc.on('update', (update, origin, _, transaction) => {
      if (origin === 'remote') return
      contradicts ||= !isOrdered(transaction)
      log.push(`${doc.clientID}:${Buffer.from(update).toString('hex')}`)
    })
  }
  const sync = () => {
    for (const from of docs) {
      for (const to of docs) {
        if (from !== to) Y.applyUpdate(to, Y.encodeStateAsUpdate(from, Y.encodeStateVector(to)), 'remote')
      }
    }
  }
  for (let step = 0; step < 30; step++) {
    const who = random(3)
    docs[who].transact(() => {
      for (let edits = random(3); edits >= 0; edits--) edit(docs[who], random)
    })
    if (random(6) === 0) undo[who].undo()
    if (random(12) === 0) undo[who].redo()
    if (random(4) === 0) sync()
  }
  sync()
  sync()
  return contradicts ? { contradicts } : { log, json: plain(docs[0]) }
}

const read = (updates, roots) => {
  const doc = document(roots)
  for (const update of updates) Y.applyUpdate(doc, Buffer.from(update, 'hex'))
  return { json: plain(doc), pending: Boolean(doc.store.pendingStructs || doc.store.pendingDs) }
}

for await (const line of readline.createInterface({ input: process.stdin })) {
  const request = JSON.parse(line)
  const answer = () => {
    if ('make' in request) return make(request.make)
    return 'fold' in request ? read(request.fold, ALL_ROOTS) : read(request.read)
  }
  console.log(JSON.stringify(answer()))
}
