"""The jobs of webhooks.mjs and sends.mjs in Python."""

import asyncio
import hashlib
import hmac
import json
import sys
import time

SECRET = b"0123456789abcdef0123456789abcdef"


def receive(body, header):
    ours = hmac.new(SECRET, body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(f"sha256={ours}", header):
        raise ValueError("not authenticated")
    events = []
    for entry in json.loads(body)["entry"]:
        for change in entry["changes"]:
            value = change["value"]
            contacts = {contact["wa_id"]: contact for contact in value.get("contacts", [])}
            for message in value.get("messages", []):
                phone = value["metadata"]["phone_number_id"]
                events.append(
                    {
                        "type": "message",
                        "routes": [("phone_number_id", phone), ("waba_id", entry["id"])],
                        "dedup": f"message|{phone}|{message['id']}",
                        "field": change["field"],
                        "from": {"phone": f"+{message['from']}", "name": contacts.get(message["from"], {}).get("profile", {}).get("name")},
                        "occurred_at_ms": int(message["timestamp"]) * 1000,
                        "content": message.get(message["type"]),
                        "raw": message,
                    }
                )
    return events


def rates(step):
    """The best of five rounds of 0.4 s."""
    best = 0.0
    for _ in range(5):
        start, calls = time.perf_counter(), 0
        while (elapsed := time.perf_counter() - start) < 0.4:
            step()
            calls += 1
        best = max(best, calls / elapsed)
    return best


async def async_rates(step):
    best = 0.0
    for _ in range(5):
        start, calls = time.perf_counter(), 0
        while (elapsed := time.perf_counter() - start) < 0.4:
            await step()
            calls += 1
        best = max(best, calls / elapsed)
    return best


def webhooks(arguments):
    for name, file in zip(arguments[::2], arguments[1::2]):
        with open(file, "rb") as opened:
            body = opened.read()
        header = "sha256=" + hmac.new(SECRET, body, hashlib.sha256).hexdigest()
        events = len(receive(body, header))
        print(f"python\tevents of {name}\t{round(rates(lambda: receive(body, header)) * events)}")


async def sends(address):
    import aiohttp
    import httpx

    url = f"http://{address}/v26.0/106540352242922/messages"
    text = "Your order 4711 has left the warehouse and arrives tomorrow between nine and eleven."
    body = {"messaging_product": "whatsapp", "recipient_type": "individual", "to": "16505550001", "type": "text", "text": {"body": text}}
    headers = {"authorization": "Bearer EAAG-example"}

    async with aiohttp.ClientSession(headers=headers) as session:

        async def via_aiohttp():
            async with session.post(url, json=body) as answer:
                assert (await answer.json())["messages"][0]["id"]

        await via_aiohttp()
        print(f"python\tsends with aiohttp\t{round(await async_rates(via_aiohttp))}")

    async with httpx.AsyncClient(headers=headers, trust_env=False) as client:

        async def via_httpx():
            assert (await client.post(url, json=body)).json()["messages"][0]["id"]

        await via_httpx()
        print(f"python\tsends with httpx\t{round(await async_rates(via_httpx))}")


if sys.argv[1] == "webhooks":
    webhooks(sys.argv[2:])
else:
    asyncio.run(sends(sys.argv[2]))
