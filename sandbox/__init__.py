"""The simulated outside world: HIS, WeChat Pay and SMS, each on its real wire over HTTP. It imports nothing of ours."""
