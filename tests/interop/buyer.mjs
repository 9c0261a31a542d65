// A buyer made of x402's own packages: it asks, is told the price, pays, and prints what it got.
//
//     node buyer.mjs fetch|axios '{"url", "token", "key", "question", "lose", "name"}'
//
// `lose` answers to paid requests are lost on the way back; `name` keeps a purchase's name when it
// is signed anew. Prints one line of JSON: {status, body, paid} or {error}, for each try one.
import { wrapAxiosWithPayment, x402Client as AxiosClient } from '@x402/axios'
import { ExactEvmScheme } from '@x402/evm/exact/client'
import { decodePaymentResponseHeader, wrapFetchWithPayment, x402Client } from '@x402/fetch'
import axios from 'axios'
import { privateKeyToAccount } from 'viem/accounts'

const [how, order] = process.argv.slice(2)
const { url, token, key, question, lose = 0, name } = JSON.parse(order)
const network = 'eip155:31337'
let lost = 0

function paying (client) {
  client.setSpendControls?.({ allowedAssets: [{ network, asset: token }] })
  client.register(network, new ExactEvmScheme(privateKeyToAccount(`0x${key}`)))
  if (name) {
    client.registerExtension({
      key: 'payment-identifier',
      enrichPaymentPayload: async (payload, { extensions }) => {
        const declared = extensions['payment-identifier']
        const named = { ...declared, info: { ...declared.info, id: name } }
        return { ...payload, extensions: { ...extensions, 'payment-identifier': named } }
      }
    })
  }
  return client
}

async function line (...request) {
  const answer = await fetch(...request)
  const paid = request[0].headers?.get('PAYMENT-SIGNATURE')
  if (paid && lost < lose) {
    lost += 1
    await answer.text()
    throw new Error('the reply was lost')
  }
  return answer
}

async function byFetch () {
  const send = wrapFetchWithPayment(line, paying(new x402Client()))
  const headers = { 'Content-Type': 'application/json' }
  const answer = await send(url, { method: 'POST', headers, body: JSON.stringify(question) })
  const said = answer.headers.get('PAYMENT-RESPONSE')
  return { status: answer.status, body: await answer.json(), paid: said && decodePaymentResponseHeader(said) }
}

async function byAxios () {
  const send = wrapAxiosWithPayment(axios.create({ validateStatus: (status) => status !== 402 }), paying(new AxiosClient()))
  const { status, data, headers } = await send.post(url, question)
  const said = headers['payment-response']
  return { status, body: data, paid: said && decodePaymentResponseHeader(said) }
}

for (let tries = 0; tries <= lose; tries++) {
  try {
    console.log(JSON.stringify(await { fetch: byFetch, axios: byAxios }[how]()))
  } catch (error) {
    console.log(JSON.stringify({ error: String(error.message) }))
  }
}
