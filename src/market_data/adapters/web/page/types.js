/**
 * What the server says; /openapi.json has it in full.
 *
 * @typedef {object} Row
 * @property {string} exchange
 * @property {string} symbol
 * @property {string} status
 * @property {string | null} reason
 * @property {string | null} trouble
 * @property {number} since
 * @property {string | null} bid
 * @property {string | null} bid_size
 * @property {string | null} ask
 * @property {string | null} ask_size
 * @property {string | null} mid
 * @property {string | null} spread
 * @property {string | null} spread_percent
 * @property {number | null} event_time
 * @property {number | null} received_time
 * @property {number} seen_time
 * @property {number} publish_seq
 * @property {string} proof
 * @property {number | null} proven_levels
 *
 * @typedef {[string, string]} Level
 *
 * @typedef {object} Book
 * @property {BookRecord} record
 * @property {number} seen_time
 * @property {boolean} is_expired
 * @property {string | null} trouble
 * @property {Analytics} analytics
 * @property {Minute | null} minute
 * @property {{proof: string, proven_levels: number | null, order: Order | null}} proof
 *
 * @typedef {object} Minute
 * @property {number} seconds
 * @property {string | null} high
 * @property {string | null} low
 * @property {string | null} change
 * @property {string | null} change_bps
 * @property {string | null} mean
 * @property {string | null} spread
 * @property {string | null} spread_bps
 * @property {number} updates_per_second
 * @property {number} live_share
 *
 * @typedef {object} BookRecord
 * @property {string} exchange
 * @property {string} symbol
 * @property {string} status
 * @property {string | null} reason
 * @property {number} status_since
 * @property {Level[]} bids
 * @property {Level[]} asks
 * @property {number | null} event_time
 * @property {number | null} received_time
 * @property {number | null} sequence
 * @property {number} epoch
 * @property {string} run
 * @property {number} publish_seq
 * @property {number} conflated
 * @property {string} proof
 * @property {number | null} proven_levels
 *
 * @typedef {{price: string | null, slippage_bps: string | null}} Fill
 *
 * @typedef {object} Analytics
 * @property {string | null} mid
 * @property {string | null} spread
 * @property {string | null} spread_bps
 * @property {string | null} microprice
 * @property {{levels: number, value: string | null}[]} imbalance
 * @property {{bps: number, buy: string | null, sell: string | null}[]} depth
 * @property {{notional: string, buy: Fill, sell: Fill}[]} fills
 *
 * @typedef {object} Order
 * @property {boolean} is_proven
 * @property {number} records
 * @property {number} holes
 * @property {number} doubled
 * @property {number} out_of_order
 * @property {number} foreign
 * @property {number} conflated
 * @property {number} partition
 *
 * @typedef {object} Loss
 * @property {string} exchange
 * @property {string} symbol
 * @property {string} status
 * @property {string | null} reason
 * @property {string | null} trouble
 * @property {number} since
 * @property {string | null} was
 *
 * @typedef {{p50: number, p99: number, most: number, count: number}} Quantiles
 *
 * @typedef {object} Asset
 * @property {string} asset
 * @property {SymbolView[]} symbols
 * @property {{exchange: string, name: string, bid: string | null, ask: string | null, mid: string | null}[]} bases
 *
 * @typedef {object} SymbolView
 * @property {string} symbol
 * @property {{exchange: string, price: string, size: string} | null} bid
 * @property {{exchange: string, price: string, size: string} | null} ask
 * @property {string | null} mid
 * @property {string | null} spread
 * @property {string | null} spread_bps
 * @property {{kind: string, since: number} | null} crossing
 * @property {string | null} difference_bps
 * @property {{exchange: string, bid: string | null, ask: string | null, mid: string | null, from_mid_bps: string | null, proof: string}[]} venues
 * @property {{exchange: string, why: string, since: number}[]} excluded
 *
 * @typedef {object} Status
 * @property {string} title
 * @property {string} version
 * @property {string} source
 * @property {number} now
 * @property {number} started
 * @property {number} records
 * @property {number | null} lag
 * @property {{what: string, seconds: number} | null} trouble
 * @property {number} instruments
 * @property {Object<string, number>} statuses
 * @property {{is_proven: boolean, holes: number, doubled: number, out_of_order: number, foreign: number, returns: number, forgotten: number}} proof
 * @property {{exchange: string, event_to_received: Quantiles | null, received_to_seen: Quantiles | null}[]} hops
 * @property {number} clients
 */
export {};
