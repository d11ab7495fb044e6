import express from 'express'
import { describeExpress } from './hosts/express.ts'

describeExpress('Express 5', express)
