import type { DiscoveryWords } from "./en_discovery.ts";

export const esDiscovery: DiscoveryWords = {
  // --- dispositivos en la red ---
  found: "Encontradas",
  foundCertain: "seguro",
  foundLikely: "probable",
  foundPossible: "posible",
  foundGone: (ago) => `ausente, vista ${ago}`,
  foundChoose: (name) => `Elegir ${name}`,
  foundPicture: (name) => `Lo que ve ${name}`,
  foundNotActivated:
    "Aún no tiene contraseña: establezca una primero con la herramienta del fabricante.",
  foundOther: (name) => `Integración con la que añadir ${name}`,
  foundOtherHint: "Añadir como …",
  foundOffer: "Volver a ofrecer",
  foundAdding: "Añadiendo …",
  foundWhy: (count) => (count === 1 ? "Qué lo indica" : `Qué lo indica (${count})`),
  foundBefore: (host, ago) => `Estaba en ${host}, ${ago}`,
  foundSeveral: "Añadir varias con una contraseña",
  foundShared: (count) =>
    count === 0
      ? "Marque arriba los dispositivos que tienen el mismo usuario y contraseña."
      : count === 1
        ? "Se accede una vez al elegido."
        : `Se accede una vez a cada uno de los ${count} elegidos.`,
  foundUserName: "Usuario",
  foundAddAll: (count) => (count === 0 ? "Añadir" : `Añadir ${count}`),
  foundAdded: (count) =>
    count === 0 ? "" : `${count} ${count === 1 ? "añadida" : "añadidas"}.`,
  foundNeedsAnswer: "pregunta algo más; añádala por separado.",
  foundIgnored: (count) => `Ignoradas (${count})`,
  foundIgnoredOne: "ignorada",
  foundCount: (count) =>
    `${count} ${count === 1 ? "dispositivo encontrado" : "dispositivos encontrados"}`,
  foundHistory: "Qué hubo en cada dirección",
  foundHistoryNone: "Aún no se ha encontrado nada.",
  foundAt: (host, first, last) => `${host}: vista por primera vez ${first}, por última ${last}`,
  foundAsking: "Preguntando a la red …",
  foundAsked: (ago) => `Se preguntó ${ago}`,
  foundAgain: "Buscar de nuevo",
  foundDisabled: "La búsqueda de dispositivos está desactivada en ucv.yaml.",
  foundTrouble: (method, why) => `${method} no se puede usar: ${why}`,
  serial: "Número de serie",
  firmware: "Firmware",

  // --- exploración de la red ---
  scan: "Exploración",
  scanRefused: "Este servidor no explora redes.",
  scanText:
    "Mira cada dirección en busca de cámaras que no se anuncian. No se inicia sesión en nada.",
  scanRanges: "Direcciones",
  scanRangesHint: "Redes, intervalos o direcciones: 192.0.2.0/24, 192.0.2.10-20",
  scanProfile: "Puertos",
  scanProfiles: {
    quick: "Rápido: los habituales",
    normal: "Normal: los de marcas conocidas",
    deep: "Profundo: muchos",
    custom: "Estos puertos …",
  },
  scanProfileNames: {
    quick: "rápida",
    normal: "normal",
    deep: "profunda",
    custom: "puertos propios",
  },
  scanPortsOwn: "Números de puerto",
  scanLarge: (count) =>
    `Son ${count} direcciones. Puede tardar mucho, y otros equipos de la red pueden notarlo.`,
  scanStart: "Explorar",
  scanAnyway: "Explorar de todos modos",
  scanCached: (seconds) => `Lo mismo se exploró hace ${seconds} s; esto es lo que se encontró.`,
  scanAnew: "Explorar de nuevo",
  scanStates: {
    queued: "En espera",
    running: "Explorando",
    paused: "En pausa",
    cancelled: "Cancelada",
    finished: "Terminada",
    failed: "Fallida",
  },
  scanDone: (done, all) => `${done} de ${all} direcciones`,
  scanHosts: (hosts, ports) =>
    [
      `${hosts.toLocaleString("es")} ${hosts === 1 ? "responde" : "responden"}`,
      `${ports.toLocaleString("es")} ${ports === 1 ? "puerto abierto" : "puertos abiertos"}`,
    ].join(" · "),
  scanRemaining: (seconds) => `quedan unos ${Math.ceil(seconds)} s`,
  scanTook: (seconds) => `${seconds} s`,
  scanRate: (rate) => `${rate} sondeos/s`,
  scanPause: "Pausar",
  scanResume: "Seguir",
  scanHistory: "Exploraciones anteriores",
  scanShow: "Mostrar",
  scanNothing: "Nada respondió.",
  scanAddress: "Dirección",
  scanDevice: "Dispositivo",
  scanPorts: "Puertos abiertos",
  scanEvidence: "Qué dice",
  scanNew: "nueva",
  scanGone: "ausente desde la última exploración",
  scanOpened: (ports) => `ahora abiertos: ${ports}`,
  scanClosed: (ports) => `ya no: ${ports}`,
  scanSame: "Nada ha cambiado desde la última exploración de estas direcciones.",
  scanDiffers: (come, gone, changed) =>
    `Desde la última exploración de lo mismo: ${come} nuevas, ${gone} ausentes, ${changed} cambiadas.`,
  scanOpenStream: (port, path) => `Vídeo sin iniciar sesión en el puerto ${port}: ${path}`,
  scanUnknown: "desconocido",
  scanInUse: "en uso",
};
