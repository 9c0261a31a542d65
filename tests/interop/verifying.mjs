// Many logs through examples/verify.mjs in one process: a line of JSON asks, a line of JSON answers.
//
//     node verifying.mjs PATH-OF-VERIFY.MJS
import { createInterface } from 'node:readline'

const { verify } = await import(process.argv[2])

for await (const line of createInterface({ input: process.stdin })) {
  const { source, ...where } = JSON.parse(line)
  try {
    console.log(JSON.stringify(await verify(source, where)))
  } catch (error) {
    console.log(JSON.stringify({ error: error.message, stack: error.stack }))
  }
}
