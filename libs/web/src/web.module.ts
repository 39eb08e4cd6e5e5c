import { Module, type DynamicModule, type InjectionToken } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import { ConnectController } from './connect.controller.js';
import { FailureFilter } from './failure.filter.js';
import { OperationsController } from './operations.controller.js';
import { WEB_PARTS, type WebParts } from './parts.js';

/** The pages for users, and the endpoints for operators. */
@Module({})
export class WebModule {
  /** @param make makes the parts of what is injected */
  static with<T extends unknown[]>(
    make: (...injected: T) => WebParts,
    inject: InjectionToken[],
  ): DynamicModule {
    return {
      module: WebModule,
      controllers: [ConnectController, OperationsController],
      providers: [
        { provide: WEB_PARTS, useFactory: make, inject },
        { provide: APP_FILTER, useClass: FailureFilter },
      ],
    };
  }
}
