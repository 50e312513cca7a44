"""The far end of Alertmanager: where a webhook, a Slack message and a page arrive, and can be asked for."""
