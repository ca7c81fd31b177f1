"""The process that model code runs in: started, limited, fed and buried by its host.

The host side is `kafka_ml_sandbox.host.Guest`; a guest module writes handlers against `kafka_ml_sandbox.channel.Channel`.
Nothing is imported here: the guest must not pay for, or see, what only the host needs.
"""
