// Sends over loopback in Node. Argument: the server's address.
import http from 'node:http';
import axios from 'axios';
import { Pool } from 'undici';
import { best } from './measure.mjs';

const origin = `http://${process.argv[2]}`;
const path = '/v26.0/106540352242922/messages';
const text = 'Your order 4711 has left the warehouse and arrives tomorrow between nine and eleven.';
const body = { messaging_product: 'whatsapp', recipient_type: 'individual', to: '16505550001', type: 'text', text: { body: text } };
const headers = { authorization: 'Bearer EAAG-example', 'content-type': 'application/json' };

const id = (answer) => {
  if (typeof answer.messages[0].id !== 'string') throw new Error('no id');
};

const pool = new Pool(origin, { connections: 1 });
const viaUndici = async () => {
  const { body: answer } = await pool.request({ path, method: 'POST', headers, body: JSON.stringify(body) });
  id(await answer.json());
};

const client = axios.create({ baseURL: origin, httpAgent: new http.Agent({ keepAlive: true }), proxy: false, headers });
const viaAxios = async () => id((await client.post(path, body)).data);

for (const [name, call] of [['undici', viaUndici], ['axios', viaAxios]]) {
  await call();
  console.log(`node\tsends with ${name}\t${Math.round(await best(call))}`);
}
process.exit(0);
