// Many logs through examples/verify.mjs in one process: a line of JSON asks, a line of JSON answers.
// That file is a program, which judges one log and is done; asked for under another name each time,
// Node runs it anew.
//
//     node verifying.mjs PATH-OF-VERIFY.MJS
import { createInterface } from 'node:readline'

const [, , program] = process.argv
const answer = console.log
let asked = 0

for await (const line of createInterface({ input: process.stdin })) {
  const printed = []
  console.log = (text) => printed.push(text)
  process.argv = [process.execPath, program, ...JSON.parse(line), '--json']
  try {
    await import(`${program}?${asked++}`)
    answer(printed.join('\n'))
  } catch (error) {
    answer(JSON.stringify({ error: error.message, stack: error.stack }))
  }
  process.removeAllListeners('uncaughtException')
}
