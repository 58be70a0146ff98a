// Verify and normalize a webhook in Node. Arguments: name and file of a body, again and again.
import { createHmac, timingSafeEqual } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { best } from './measure.mjs';

const SECRET = '0123456789abcdef0123456789abcdef';

function receive(body, header) {
  const ours = createHmac('sha256', SECRET).update(body).digest();
  const theirs = Buffer.from(header.slice('sha256='.length), 'hex');
  if (ours.length !== theirs.length || !timingSafeEqual(ours, theirs)) throw new Error('not authenticated');
  const events = [];
  for (const entry of JSON.parse(body).entry) {
    for (const { value, field } of entry.changes) {
      const contacts = new Map((value.contacts ?? []).map((contact) => [contact.wa_id, contact]));
      for (const message of value.messages ?? []) {
        const phone = value.metadata.phone_number_id;
        events.push({
          type: 'message',
          routes: [{ kind: 'phone_number_id', value: phone }, { kind: 'waba_id', value: entry.id }],
          dedup: `message|${phone}|${message.id}`,
          field,
          from: { phone: `+${message.from}`, name: contacts.get(message.from)?.profile?.name },
          occurredAtMs: Number(message.timestamp) * 1000,
          content: message[message.type],
          raw: message,
        });
      }
    }
  }
  return events;
}

for (let n = 2; n + 1 < process.argv.length; n += 2) {
  const body = readFileSync(process.argv[n + 1]);
  const header = `sha256=${createHmac('sha256', SECRET).update(body).digest('hex')}`;
  const events = receive(body, header).length;
  console.log(`node\tevents of ${process.argv[n]}\t${Math.round((await best(() => receive(body, header))) * events)}`);
}
