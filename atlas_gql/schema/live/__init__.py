"""What is told as it happens: subscriptions to runs, over WebSockets and server-sent events."""
