import type { Express } from 'express'
// @ts-expect-error The types are those of Express 5: no package has them under this name.
import express from 'express4'
import { describeExpress } from './hosts/express.ts'

describeExpress('Express 4', express as () => Express)
