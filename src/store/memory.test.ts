/** The memory store against the suite of all stores. */
import { memoryStore } from './memory.ts';
import { storeSuite } from './suite.ts';

storeSuite('memory', async () => memoryStore());
