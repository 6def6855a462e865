"""The blueprint's machines: what each can do and which tools fill the ports there."""
