"""The relay: takes messages from the outbox, in order, to a broker or wherever they are wanted.

 claim_outbox ─► window ─► envelope ─► transport ─► destination
                   ▲                       │
 confirm_outbox ◄──┴────── settled ◄───────┘

outbox     the calls of the database, with messages as plain text
message    what the outbox holds
window     which message may be sent next, and what can be confirmed; no input or output
envelope   a message as a CloudEvent, with topic and key
templates  topics, as {tenant_id}.{event_type}
transport  what a destination has to be able to do; those there are stand in transports/
failures   what a destination answers if not yes
engine     claims, sends and confirms at once, and gets over whatever breaks
claiming, sending, confirming
           its three loops; work is what they share, lease what they hold of a tenant
settings   what it is told, and pausing: how it waits
metrics    what Prometheus is told
health     /healthz, /readyz and /metrics

What is delivered is delivered at least once: docs/relay.md says what that means to the letter.
"""
