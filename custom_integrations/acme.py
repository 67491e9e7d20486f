"""Acme cameras."""

from ucv import DeviceInfo, Integration, MdnsHandler, Snapshot, Stream, fields, hookimpl


class Acme(Integration):
    domain = "acme"
    name = "Acme"
    version = "1.0.0"
    schema = {**fields.HOST, **fields.CREDENTIALS}

    async def probe(self, device):
        info = await device.http.get_json("/api/info")      # auth, time-outs and errors are the core's
        return DeviceInfo(unique_id=info["serial"], model=info["model"], manufacturer="Acme")

    async def streams(self, device):
        return [
            Stream("main", device.url("rtsp", "/live/main")),
            Stream("sub", device.url("rtsp", "/live/sub")),
        ]

    async def snapshot(self, device):
        return Snapshot(await device.http.get_bytes("/snap.jpg"))


@hookimpl
def ucv_register_integrations(integrations):
    integrations.add(Acme)


@hookimpl
def ucv_register_discovery(handlers):
    handlers.add(MdnsHandler("acme", "_acme-cam._tcp.local."))
